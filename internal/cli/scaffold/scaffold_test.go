package scaffold_test

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"packregistry/internal/cli/chart"
	"packregistry/internal/cli/lint"
	"packregistry/internal/cli/scaffold"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// linter is that of all tests: to make one costs more than most of them.
var linter = sync.OnceValues(lint.New)

// findings are what the rules say of a folder.
func findings(t *testing.T, dir string) *lint.Result {
	t.Helper()
	l, err := linter()
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Lint(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fresh(name string) scaffold.New {
	return scaffold.New{Name: name, Version: "1.0.0", Layer: "addon", AddonType: "system app", CloudTypes: []string{"all"}, Type: "manifest"}
}

// Every new pack lints clean, without so much as an info, whatever its name looks like to YAML.
func TestNewPacksAreClean(t *testing.T) {
	for _, kind := range scaffold.Types() {
		for _, layer := range scaffold.Layers() {
			for _, name := range []string{"nginx", "1", "true", "0x1f", "a.b_c-d", "1e3", strings.Repeat("long-", 25) + "end"} {
				for _, version := range []string{"1.0.0", "1.5", "22.04.1"} {
					n := fresh(name)
					n.Type, n.Layer, n.Version = kind, layer, version
					files, err := n.Files()
					if err != nil {
						t.Fatalf("%+v: %v", n, err)
					}
					dir := filepath.Join(t.TempDir(), "a", "pack")
					if err := scaffold.Write(dir, false, files, nil); err != nil {
						t.Fatal(err)
					}
					r := findings(t, dir)
					if !r.Valid || len(r.Findings) > 0 || r.Name != name || r.Version != version {
						t.Errorf("%s %s %s %s: %+v", kind, layer, name, version, r)
					}
				}
			}
		}
	}
}

// The chart in a new pack is one, and its images are those that the pack lists.
func TestNewChart(t *testing.T) {
	n := fresh("my.app")
	n.Type, n.Version = "chart", "v2.1"
	files, err := n.Files()
	if err != nil {
		t.Fatal(err)
	}
	packed := files["charts/my.app-0.1.0.tgz"]
	c, err := chart.Read(context.Background(), bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "my.app" || c.Version != "0.1.0" || c.AppVersion != "v2.1" || string(c.Values) != string(files["charts/my.app/values.yaml"]) {
		t.Errorf("%+v", c)
	}
	if i := c.Images(); len(i) != 1 || !strings.Contains(string(files["values.yaml"]), "- image: "+i[0]+"\n") {
		t.Errorf("%v", i)
	}
	again, err := n.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("%s is not always the same", name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for what, change := range map[string]func(*scaffold.New){
		"name":    func(n *scaffold.New) { n.Name = "../x" },
		"version": func(n *scaffold.New) { n.Version = "latest" },
		"layer":   func(n *scaffold.New) { n.Layer = "top" },
		"type":    func(n *scaffold.New) { n.Type = "kustomize" },
	} {
		n := fresh("a")
		change(&n)
		if _, err := n.Files(); !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pack")
	files := scaffold.Files{"pack.json": []byte("{}"), "a/b/c": []byte("c")}
	if err := scaffold.Write(dir, false, files, nil); err != nil {
		t.Fatal(err)
	}
	if got := packtest.Dir(t, dir); len(got) != 2 || got["a/b/c"] != "c" {
		t.Errorf("%v", got)
	}
	if err := scaffold.Write(dir, false, files, nil); !pack.IsKind(err, pack.KindConflict) {
		t.Errorf("over another: %v", err)
	}
	if err := scaffold.Write(dir, true, scaffold.Files{"new": nil}, nil); err != nil || len(packtest.Dir(t, dir)) != 1 {
		t.Errorf("replaced: %v", err)
	}
	failing := func(*os.Root) error { return pack.Errorf(pack.KindInvalid, "", "no more") }
	if err := scaffold.Write(dir, true, files, failing); err == nil || len(packtest.Dir(t, dir)) != 1 {
		t.Errorf("failed halfway: %v, %v", err, packtest.Dir(t, dir))
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestLogo(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "b", "nginx", "argo-cd", ""} {
		logo := scaffold.Logo(name)
		if img, err := png.Decode(bytes.NewReader(logo)); err != nil || img.Bounds().Dx() != 128 {
			t.Errorf("%s: %v", name, err)
		}
		if other, ok := seen[string(logo)]; ok {
			t.Errorf("%s has the logo of %s", name, other)
		}
		seen[string(logo)] = name
		if !bytes.Equal(logo, scaffold.Logo(name)) || !bytes.Equal(logo, scaffold.AsPNG(logo)) {
			t.Errorf("%s: not the same again", name)
		}
	}
	for _, none := range []string{"", "text", "<svg/>", packtest.Logo(20000, 1)[:40]} {
		if scaffold.AsPNG([]byte(none)) != nil {
			t.Errorf("%q became a picture", none)
		}
	}
}

func TestTitle(t *testing.T) {
	for name, want := range map[string]string{"argo-cd": "Argo Cd", "a.b_c--d": "A B C D", "1": "1"} {
		if got := scaffold.Title(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
