package chart_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/chart"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// tgz packs files below a folder named like the chart.
func tgz(files map[string]string) string { return string(packtest.TarGz(files, "app")) }

const head = "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: 1.10\n"

func read(t *testing.T, packed string) (*chart.Chart, error) {
	t.Helper()
	return chart.Read(context.Background(), strings.NewReader(packed), int64(len(packed)))
}

func mustRead(t *testing.T, packed string) *chart.Chart {
	t.Helper()
	c, err := read(t, packed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRead(t *testing.T) {
	files := map[string]string{
		"Chart.yaml":  head + "description: >-\n  An\n  app\nhome: https://example.com\ndependencies:\n- {name: inner, repository: \"\"}\n- {name: gone, repository: https://x}\n",
		"values.yaml": "# all\na: 1\n", "readme.MD": "# App\n", "templates/values.yaml": "{{", "templates/Chart.yaml": "{{",
		"charts/inner/Chart.yaml": "name: inner\nversion: 0.1.0\n", "charts/README.md": "# Not a chart\n", "charts/._inner.tgz": "litter",
	}
	for name, packed := range map[string]string{"in a folder": tgz(files), "at the root": string(packtest.TarGz(files, ""))} {
		c := mustRead(t, packed)
		if c.Name != "app" || c.Version != "1.2.3" || c.AppVersion != "1.10" || c.Description != "An app" || c.Home != "https://example.com" {
			t.Errorf("%s: %+v", name, c.Metadata)
		}
		if string(c.Values) != "# all\na: 1\n" || string(c.Readme) != "# App\n" {
			t.Errorf("%s: %q %q", name, c.Values, c.Readme)
		}
		if diff := cmp.Diff([]string{"gone"}, c.Missing()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRefusedCharts(t *testing.T) {
	with := func(files ...string) string {
		m := map[string]string{"Chart.yaml": head}
		for i := 0; i+1 < len(files); i += 2 {
			m[files[i]] = files[i+1]
		}
		return tgz(m)
	}
	nested := tgz(map[string]string{"Chart.yaml": head})
	for range 6 {
		nested = tgz(map[string]string{"Chart.yaml": head, "charts/app-1.2.3.tgz": nested})
	}
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
	}
	for name, c := range map[string]struct {
		packed, want string
		kind         pack.Kind
	}{
		"zip":            {string(packtest.Zip(map[string]string{"app/Chart.yaml": head})), "no Helm chart", pack.KindUnsupported},
		"empty":          {"", "no Helm chart", pack.KindUnsupported},
		"cut":            {with()[:60], "ends early", pack.KindBadPack},
		"traversal":      {with("../x", "y"), "refused", pack.KindBadPack},
		"no chart":       {tgz(map[string]string{"values.yaml": "a: 1\n"}), "no Chart.yaml", pack.KindBadPack},
		"two charts":     {string(packtest.TarGz(map[string]string{"a/Chart.yaml": head, "b/Chart.yaml": head}, "")), "more than one chart", pack.KindBadPack},
		"broken":         {with("Chart.yaml", "a: [\n"), "Chart.yaml", pack.KindBadPack},
		"a list":         {with("Chart.yaml", "name: [app]\nversion: 1.0.0\n"), "a text is expected", pack.KindBadPack},
		"no name":        {with("Chart.yaml", "version: 1.0.0\n"), "no name", pack.KindBadPack},
		"name":           {with("Chart.yaml", "name: ../../etc\nversion: 1.0.0\n"), "none that Helm takes", pack.KindBadPack},
		"version":        {with("Chart.yaml", "name: app\nversion: ../1\n"), "none that Helm takes", pack.KindBadPack},
		"library":        {with("Chart.yaml", head+"type: library\n"), "library", pack.KindBadPack},
		"values":         {with("values.yaml", "a: [\n"), "values.yaml of the chart app", pack.KindBadPack},
		"values list":    {with("values.yaml", "- a\n"), "no mapping", pack.KindBadPack},
		"values bomb":    {with("values.yaml", bomb.String()), "aliases", pack.KindBadPack},
		"values size":    {with("values.yaml", "a: "+strings.Repeat("x", 9<<20)), "larger than 8 MiB", pack.KindBadPack},
		"values items":   {with("values.yaml", "a:\n"+strings.Repeat("- x\n", 200_000)), "100,000 lines", pack.KindBadPack},
		"subchart":       {with("charts/b/Chart.yaml", "a: ["), "Chart.yaml", pack.KindBadPack},
		"packed garbage": {with("charts/b.tgz", "garbage"), "no Helm chart", pack.KindUnsupported},
		"deep":           {nested, "deeper than 4", pack.KindBadPack},
	} {
		_, err := read(t, c.packed)
		if !pack.IsKind(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is not read may be as large as the archive allows.
func TestReadHoldsLittle(t *testing.T) {
	c := mustRead(t, tgz(map[string]string{"Chart.yaml": head, "README.md": strings.Repeat("x", 2<<20), "files/large": strings.Repeat("x", 20<<20)}))
	if c.Readme != nil {
		t.Errorf("%d bytes of README", len(c.Readme))
	}
}

func TestReadEndsWithTheContext(t *testing.T) {
	packed := tgz(map[string]string{"Chart.yaml": head})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := chart.Read(ctx, strings.NewReader(packed), int64(len(packed))); err == nil {
		t.Error("read to its end")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(tgz(map[string]string{"Chart.yaml": head, "values.yaml": "image: {repository: a/b, tag: 1}\n", "charts/b/Chart.yaml": "name: b\nversion: 1.0.0\n"})))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if c, err := chart.Read(context.Background(), bytes.NewReader(b), int64(len(b))); err == nil {
			c.Images()
			c.Missing()
		}
	})
}
