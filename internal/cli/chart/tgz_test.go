package chart_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/chart"
	"packregistry/internal/pack"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packDir(t *testing.T, dir string) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	n, err := chart.Pack(context.Background(), dir, &b)
	if err == nil && n != int64(b.Len()) {
		t.Errorf("%d bytes told of %d", n, b.Len())
	}
	return b.Bytes(), err
}

func list(t *testing.T, packed []byte) []string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Name)
	}
}

func TestPack(t *testing.T) {
	long := strings.Repeat("long/", 30) + "file"
	files := map[string]string{
		"Chart.yaml": head, "values.yaml": "a: 1\n", "templates/x.yaml": "x", "templates/.swap": "x", ".git/config": "x",
		".helmignore": "# no\n\n*.bak\n/only.txt\ndir/\nci/*.yaml\n", "a.bak": "x", "sub/b.bak": "x", "only.txt": "x", "sub/only.txt": "x",
		"dir/x": "x", "sub/dir": "a file", "ci/a.yaml": "x", "ci/a.txt": "x", long: "x",
	}
	dir := tree(t, files)
	first, err := packDir(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app/.helmignore", "app/Chart.yaml", "app/ci/a.txt", "app/" + long, "app/sub/dir", "app/sub/only.txt", "app/templates/x.yaml", "app/values.yaml",
	}
	if diff := cmp.Diff(want, list(t, first)); diff != "" {
		t.Error(diff)
	}
	if err := os.Chtimes(filepath.Join(dir, "values.yaml"), time.Now(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if again, err := packDir(t, dir); err != nil || !bytes.Equal(first, again) {
		t.Errorf("packed to other bytes (%v)", err)
	}
	if c := mustRead(t, string(first)); c.Name != "app" || string(c.Values) != "a: 1\n" {
		t.Errorf("%+v", c)
	}
	same, err := chart.PackFiles("app", map[string][]byte{"Chart.yaml": []byte(head), "values.yaml": []byte("a: 1\n")})
	if err != nil || mustRead(t, string(same)).Version != "1.2.3" {
		t.Error(err)
	}
}

func TestPackRefuses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no Chart.yaml":   {"values.yaml": "a: 1\n"},
		"no usable name":  {"Chart.yaml": "name: ../x\nversion: 1.0.0\n"},
		"no pattern":      {"Chart.yaml": head, ".helmignore": "[\n"},
		"pattern of more": {"Chart.yaml": head, ".helmignore": "a/**\n"},
	} {
		if _, err := packDir(t, tree(t, files)); !pack.IsKind(err, pack.KindInvalid) && !pack.IsKind(err, pack.KindBadPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
	outside := filepath.Join(tree(t, map[string]string{"secret": "s"}), "secret")
	for name, target := range map[string]string{"out": outside, "loop": ".", "nowhere": "gone"} {
		dir := tree(t, map[string]string{"Chart.yaml": head})
		if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
			t.Skip("no links here")
		}
		if _, err := packDir(t, dir); !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	inside := tree(t, map[string]string{"Chart.yaml": head, "real": "r"})
	if err := os.Symlink("real", filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	if packed, err := packDir(t, inside); err != nil || len(list(t, packed)) != 3 {
		t.Errorf("a link inside: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := chart.Pack(ctx, inside, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
