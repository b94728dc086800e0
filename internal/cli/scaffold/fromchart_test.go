package scaffold_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"packregistry/internal/cli/chart"
	"packregistry/internal/cli/scaffold"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func readChart(t *testing.T, packed []byte) *chart.Chart {
	t.Helper()
	c, err := chart.Read(context.Background(), bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func from(c *chart.Chart) scaffold.FromChart {
	return scaffold.FromChart{Chart: c, Layer: "addon", AddonType: "system app", CloudTypes: []string{"all"}}
}

// build writes the pack of a chart as the command does.
func build(t *testing.T, f scaffold.FromChart, packed []byte) (dir string, b *scaffold.Built) {
	t.Helper()
	b, err := f.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "pack")
	err = scaffold.Write(dir, false, b.Files, func(folder *os.Root) error {
		if err := folder.MkdirAll("charts", 0o755); err != nil {
			return err
		}
		return folder.WriteFile(filepath.FromSlash(b.ChartPath), packed, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, b
}

// Every chart in every real pack becomes a pack that the rules have nothing against, but for what the chart's own
// values say twice.
func TestRealChartsBecomePacks(t *testing.T) {
	charts, images, clean := 0, 0, 0
	for _, path := range packtest.RealPacks(t) {
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if !regexp.MustCompile(`^([^/]+/)?charts/[^/]+\.tgz$`).MatchString(f.Name) {
				continue
			}
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			packed, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			charts++
			label := filepath.Base(path) + " " + f.Name
			c, err := chart.Read(context.Background(), bytes.NewReader(packed), int64(len(packed)))
			if err != nil {
				t.Errorf("%s: %v", label, err)
				continue
			}
			dir, b := build(t, from(c), packed)
			images += len(b.Images)
			result := findings(t, dir)
			if len(result.Findings) == 0 {
				clean++
			}
			for _, x := range result.Findings {
				if x.Rule != "values-duplicate-key" {
					t.Errorf("%s: %s %s %s", label, x.Severity, x.Rule, x.Message)
				}
			}
			if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(b.ChartPath))); err != nil || !bytes.Equal(got, packed) {
				t.Errorf("%s: the chart is not the same (%v)", label, err)
			}
			lost := 0
			values := string(b.Files["values.yaml"])
			for line := range strings.Lines(string(c.Values)) {
				if !strings.HasPrefix(line, "---") && !strings.Contains(values, strings.TrimRight(line, "\r\n")) {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("%s: %d lines of the chart's values are gone", label, lost)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d charts, %d of them without any finding, %d images", charts, clean, images)
	if os.Getenv("PACKS_DIR") == "" && (charts < 100 || images < 300 || clean < charts*9/10) {
		t.Errorf("%d charts with %d images, %d clean: fewer than there were", charts, images, clean)
	}
}

func packedChart(t *testing.T, files map[string]string) []byte {
	t.Helper()
	m := map[string][]byte{}
	for name, content := range files {
		m[name] = []byte(content)
	}
	packed, err := chart.PackFiles("app", m)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestFromChart(t *testing.T) {
	packed := packedChart(t, map[string]string{
		"Chart.yaml":  "name: app\nversion: v1.2.3+b.1\nappVersion: \"2.0\"\ndescription: \"one\\u0007 \\u202e two\\nthree\"\nhome: https://example.com\ndependencies: [{name: db, repository: https://x}]\n",
		"values.yaml": "# note\nimage: {repository: a/b}\n",
	})
	f := from(readChart(t, packed))
	f.From = "oci://example.com/charts/app:1.2.3"
	dir, b := build(t, f, packed)
	if r := findings(t, dir); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	var m map[string]any
	if err := json.Unmarshal(b.Files["pack.json"], &m); err != nil {
		t.Fatal(err)
	}
	a := m["annotations"].(map[string]any)
	for what, ok := range map[string]bool{
		"name":        m["name"] == "app" && m["displayName"] == "App" && m["version"] == "1.2.3-b.1",
		"chart":       b.ChartPath == "charts/app-v1.2.3+b.1.tgz" && m["charts"].([]any)[0] == b.ChartPath,
		"annotations": a["source"] == "community" && a["description"] == "one two three" && a["docsURL"] == "https://example.com" && a["upstreamVersion"] == "2.0" && a["upstreamRef"] == f.From,
		"values":      strings.Contains(string(b.Files["values.yaml"]), "charts:\n  app:\n    # note\n    image: {repository: a/b}\n"),
		"images":      len(b.Images) == 1 && b.Images[0] == "a/b:2.0" && strings.Contains(string(b.Files["values.yaml"]), "- image: a/b:2.0\n"),
		"readme":      strings.Contains(string(b.Files["README.md"]), "one two three"),
		"notes":       len(b.Notes) == 3 && strings.Contains(b.Notes[0], "1.2.3-b.1") && strings.Contains(b.Notes[2], "db"),
	} {
		if !ok {
			t.Errorf("%s: %+v\n%s", what, b.Manifest, b.Files["values.yaml"])
		}
	}

	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 9, 9)), nil); err != nil {
		t.Fatal(err)
	}
	f.Name, f.Version, f.Layer, f.Logo = "other", "9", "csi", scaffold.AsPNG(picture.Bytes())
	dir, b = build(t, f, packed)
	if r := findings(t, dir); len(r.Findings) > 0 || r.Name != "other" || r.Version != "9" || b.Manifest.AddonType != "" {
		t.Errorf("%+v %+v", r, b.Manifest)
	}
}

func TestFromChartRefuses(t *testing.T) {
	c := readChart(t, packedChart(t, map[string]string{"Chart.yaml": "name: App\nversion: 1.2.3\n"}))
	for what, change := range map[string]func(*scaffold.FromChart){
		"the chart's name": func(*scaffold.FromChart) {},
		"version":          func(f *scaffold.FromChart) { f.Name, f.Version = "a", "latest" },
		"layer":            func(f *scaffold.FromChart) { f.Name, f.Layer = "a", "top" },
	} {
		f := from(c)
		change(&f)
		if _, err := f.Build(); !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
