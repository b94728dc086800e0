package bundle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/pack/bundle"
)

func TestIgnored(t *testing.T) {
	files := map[string]string{
		"pack.json": "{}", "values.yaml": "", "notes.md": "", "docs/notes.md": "", "docs/keep.md": "", "docs/deep/x.md": "",
		"build/out.txt": "", "charts/a.tgz": "", "charts/a/.helmignore": "", "charts/a/values.yaml.bak": "",
		".git/config": "", "charts/.git": "", ".DS_Store": "", "charts/.DS_Store": "", "values.yaml~": "", ".values.yaml.swp": "", "._values.yaml": "",
		"__MACOSX/x": "", ".idea/x": "", ".vscode/x": "", "Thumbs.db": "", ".hg/x": "", ".svn/x": "", ".#values.yaml": "", "desktop.ini": "",
	}
	clean := []string{
		"build/out.txt", "charts/a.tgz", "charts/a/.helmignore", "charts/a/values.yaml.bak", "docs/deep/x.md", "docs/keep.md", "docs/notes.md", "notes.md",
		"pack.json", "values.yaml",
	}
	for name, c := range map[string]struct {
		ignore string
		gone   []string
	}{
		"nothing":       {"", nil},
		"comment":       {"\ufeff# build\n\n", nil},
		"directory":     {"build\n", []string{"build/out.txt"}},
		"with a slash":  {"/build/\r\n", []string{"build/out.txt"}},
		"only at root":  {"notes.md", []string{"notes.md"}},
		"anywhere":      {"**/notes.md", []string{"notes.md", "docs/notes.md"}},
		"brought back":  {"docs\n!docs/keep.md", []string{"docs/notes.md", "docs/deep/x.md"}},
		"from deep":     {"*\n!pack.json\n!docs/deep/*.md", []string{"build/out.txt", "charts/a.tgz", "charts/a/.helmignore", "charts/a/values.yaml.bak", "docs/keep.md", "docs/notes.md", "notes.md", "values.yaml"}},
		"litter stays":  {"!.git\n!.packignore\n!**/.DS_Store", nil},
		"a single star": {"charts/*.tgz", []string{"charts/a.tgz"}},
	} {
		t.Run(name, func(t *testing.T) {
			files[".packignore"] = c.ignore
			var want []string
			for _, p := range clean {
				if !contains(c.gone, p) {
					want = append(want, p)
				}
			}
			if diff := cmp.Diff(want, paths(t, write(t, tree(t, files)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func TestBadIgnoreFile(t *testing.T) {
	for _, text := range []string{"a[", "!", "x\ny[a-]", strings.Repeat("a", 70_000), strings.Repeat("ab\n", 1<<19)} {
		err := fails(t, tree(t, map[string]string{"pack.json": "{}", ".packignore": text}), limits)
		if err.Kind != pack.KindInvalid || !strings.Contains(err.Message, ".packignore") {
			t.Errorf("%.10q: the error is %v", text, err)
		}
	}
	if err := fails(t, tree(t, map[string]string{"pack.json": "{}", ".packignore/x": ""}), limits); !strings.Contains(err.Message, "must be a file") {
		t.Errorf("the error is %v", err)
	}
}

func TestLitter(t *testing.T) {
	for _, name := range []string{"pack.json", ".helmignore", ".gitkeep", ".gitignore", "values.yaml.bak", "a.tgz.orig", "git", "_helpers.tpl"} {
		if bundle.Litter(name) {
			t.Errorf("%s is no litter", name)
		}
	}
}
