//go:build unix

package bundle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/packtest"
)

func link(t *testing.T, dir, target, at string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(at))); err != nil {
		t.Fatal(err)
	}
}

// Links that stay inside are what they point to.
func TestLinksInside(t *testing.T) {
	files := packtest.Pack("links", "1.0.0", packtest.File("a/x", "x"), packtest.File("a/sub/y", "y"))
	linked := tree(t, files)
	link(t, linked, "values.yaml", "copy.yaml")
	link(t, linked, "../a/sub", "manifests/sub")
	link(t, linked, "copy.yaml", "again.yaml")
	files["copy.yaml"], files["again.yaml"], files["manifests/sub/y"] = files["values.yaml"], files["values.yaml"], "y"
	if !bytes.Equal(write(t, linked), write(t, tree(t, files))) {
		t.Error("a directory with links is not the same archive as one with files")
	}
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(linked, alias); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(write(t, alias), write(t, linked)) {
		t.Error("a directory that is named by a link is another archive")
	}
}

func TestLinksRefused(t *testing.T) {
	outside := tree(t, map[string]string{"secret": "s"})
	for name, c := range map[string]struct{ target, says string }{
		"outside":           {"../" + filepath.Base(outside) + "/secret", "leads out of the pack's directory"},
		"absolute":          {filepath.Join(outside, "secret"), "leads out of the pack's directory, is absolute"},
		"nowhere":           {"none", "link to nothing"},
		"itself":            {"link", "leads"},
		"up":                {"..", "leads out"},
		"the directory":     {".", "leads back to a directory above it"},
		"device":            {"/dev/zero", "leads out"},
		"outside in two":    {"manifests/../../x", "leads out"},
		"through outsiders": {"../" + filepath.Base(outside) + "/../x", "leads out"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, packtest.Pack("links", "1.0.0"))
			link(t, dir, c.target, "link")
			err := fails(t, dir, limits)
			want := []pack.Finding{{Rule: archive.RuleLink, Severity: pack.SeverityError, File: "link", Message: err.Findings[0].Message}}
			if diff := cmp.Diff(want, err.Findings); diff != "" || !strings.Contains(err.Message, c.says) {
				t.Errorf("%v %s", err, diff)
			}
			if e := os.WriteFile(filepath.Join(dir, ".packignore"), []byte("link"), 0o644); e != nil {
				t.Fatal(e)
			}
			write(t, dir) // an ignored link is nobody's business
		})
	}
}

// Two directories that link to each other end, and so does a tree that doubles with each level.
func TestLinksWithoutEnd(t *testing.T) {
	dir := tree(t, packtest.Pack("links", "1.0.0", packtest.File("a/x", ""), packtest.File("b/x", "")))
	link(t, dir, "../b", "a/b")
	link(t, dir, "../a", "b/a")
	if err := fails(t, dir, limits); len(err.Findings) != 2 || err.Findings[0].Rule != archive.RuleLink {
		t.Errorf("%v", err)
	}
	dir = tree(t, packtest.Pack("links", "1.0.0", packtest.File("d0/x", "")))
	for i := range 20 {
		at := filepath.Join(dir, "d"+string(rune('1'+i)))
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, side := range []string{"l", "r"} {
			if err := os.Symlink("../d"+string(rune('0'+i)), filepath.Join(at, side)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := fails(t, dir, limits); err.Findings[0].Rule != archive.RuleLimitEntries {
		t.Errorf("%v", err)
	}
}

func TestSpecialFiles(t *testing.T) {
	dir := tree(t, packtest.Pack("special", "1.0.0"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	link(t, dir, "pipe", "manifests/pipe2") // leads to manifests/pipe, which is not there
	link(t, dir, "../pipe", "manifests/pipe3")
	err := fails(t, dir, limits)
	rules := map[string]string{}
	for _, f := range err.Findings {
		rules[f.File] = f.Rule
	}
	want := map[string]string{"pipe": archive.RuleDevice, "manifests/pipe2": archive.RuleLink, "manifests/pipe3": archive.RuleDevice}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}
}
