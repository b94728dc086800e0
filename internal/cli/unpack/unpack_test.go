package unpack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/unpack"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/archive/hostile"
	"packregistry/internal/pack/packtest"
)

// inside opens a new folder that lies in another, which must stay empty but for it.
func inside(t *testing.T) (*os.Root, string) {
	t.Helper()
	outer := t.TempDir()
	dir := filepath.Join(outer, "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, dir
}

func TestArchive(t *testing.T) {
	files := packtest.Pack("alpha", "1.0.0", packtest.File("a/b/c/deep.txt", "deep"), packtest.File("empty", ""))
	for _, tt := range []struct {
		name string
		zip  []byte
		root string
	}{
		{"zip", packtest.Zip(files), "."},
		{"zip in a folder", packtest.Zip(packtest.In("alpha-1.0.0", files)), "alpha-1.0.0"},
		{"tar.gz", packtest.TarGz(files, ""), "."},
		{"tar.gz in a folder", packtest.TarGz(files, "alpha-1.0.0"), "alpha-1.0.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, dir := inside(t)
			root, err := unpack.Archive(t.Context(), bytes.NewReader(tt.zip), int64(len(tt.zip)), unpack.Limits(), to)
			if err != nil || root != tt.root {
				t.Fatalf("the pack is in %q: %v", root, err)
			}
			if d := cmp.Diff(files, packtest.Dir(t, filepath.Join(dir, root))); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("a folder beside pack.json is no root", func(t *testing.T) {
		to, _ := inside(t)
		zip := packtest.Zip(map[string]string{"sub/pack.json": "{}", "other/x": ""})
		if root, err := unpack.Archive(t.Context(), bytes.NewReader(zip), int64(len(zip)), unpack.Limits(), to); err != nil || root != "." {
			t.Errorf("%q %v", root, err)
		}
	})
}

// TestRealPacks: what is unpacked is what the archive has, execute bits too.
func TestRealPacks(t *testing.T) {
	for i, zip := range packtest.RealPacks(t) {
		if i%20 != 0 {
			continue
		}
		t.Run(filepath.Base(zip), func(t *testing.T) {
			data, err := os.ReadFile(zip)
			if err != nil {
				t.Fatal(err)
			}
			to, dir := inside(t)
			if _, err := unpack.Archive(t.Context(), bytes.NewReader(data), int64(len(data)), unpack.Limits(), to); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			if _, err := archive.Walk(t.Context(), bytes.NewReader(data), int64(len(data)), unpack.Limits(), func(e *archive.Entry, _ io.Reader) error {
				if !e.Dir {
					want = append(want, fmt.Sprintln(e.Path, e.Size, e.Executable))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			for path := range packtest.Dir(t, dir) {
				info, err := os.Stat(filepath.Join(dir, path))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintln(path, info.Size(), info.Mode()&0o100 != 0))
			}
			slices.Sort(want)
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestHostile unpacks every hostile archive there is. What is refused is refused; nothing ever is written outside.
func TestHostile(t *testing.T) {
	for _, c := range hostile.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			to, dir := inside(t)
			lim := archive.DefaultLimits()
			if c.Entries != 0 {
				lim.Entries = c.Entries
			}
			if c.Unpacked != 0 {
				lim.Unpacked = c.Unpacked
			}
			_, err := unpack.Archive(t.Context(), bytes.NewReader(c.Bytes), int64(len(c.Bytes)), lim, to)
			if refused := pack.IsKind(err, pack.KindBadPack) || pack.IsKind(err, pack.KindUnsupported); refused != (c.Rule != "") {
				t.Errorf("rule %q: %v", c.Rule, err)
			}
			beside, err := os.ReadDir(filepath.Dir(dir))
			if err != nil || len(beside) != 1 {
				t.Errorf("beside the target there is %v (%v)", beside, err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	to, _ := inside(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	zip := packtest.PackZip("alpha", "1.0.0")
	if _, err := unpack.Archive(ctx, bytes.NewReader(zip), int64(len(zip)), unpack.Limits(), to); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestLinkInTheWay: a folder of the target that somebody made a link to elsewhere is not followed.
func TestLinkInTheWay(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	to, dir := inside(t)
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "manifests")); err != nil {
		t.Fatal(err)
	}
	zip := packtest.PackZip("alpha", "1.0.0")
	_, err := unpack.Archive(t.Context(), bytes.NewReader(zip), int64(len(zip)), unpack.Limits(), to)
	if left, e := os.ReadDir(elsewhere); err == nil || e != nil || len(left) > 0 {
		t.Errorf("elsewhere there is %v: %v %v", left, err, e)
	}
}

func TestUnwritable(t *testing.T) {
	to, dir := inside(t)
	if err := os.WriteFile(filepath.Join(dir, "pack.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	zip := packtest.PackZip("alpha", "1.0.0")
	if _, err := unpack.Archive(t.Context(), bytes.NewReader(zip), int64(len(zip)), unpack.Limits(), to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
}
