package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/bundle"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
)

var limits = archive.Limits{Unpacked: math.MaxInt64, Entries: 1000}

// tree writes files into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, dir string) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := bundle.Write(context.Background(), &buf, dir, limits); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// fails gives the error of a directory that must not become an archive.
func fails(t *testing.T, dir string, lim archive.Limits) *pack.Error {
	t.Helper()
	err := bundle.Write(context.Background(), io.Discard, dir, lim)
	var known *pack.Error
	if !errors.As(err, &known) {
		t.Fatalf("the error is %v", err)
	}
	return known
}

func paths(t *testing.T, data []byte) []string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	return names
}

// The same files are the same bytes, whatever their times, modes and order of making.
func TestSameFilesSameBytes(t *testing.T) {
	files := packtest.Pack("same", "1.0.0", packtest.File("a/b", "x"), packtest.File("a.b", "x"), packtest.File("a-b/c", "x"), packtest.File("empty", ""))
	one, two := tree(t, files), tree(t, files)
	err := filepath.WalkDir(two, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return errors.Join(err, os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(two, "an", "empty", "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, b := write(t, one), write(t, two)
	if !bytes.Equal(a, b) {
		t.Error("two directories with the same files became different archives")
	}
	if names := paths(t, a); !slices.IsSorted(names) || len(names) != len(files) {
		t.Errorf("the paths are %v", names)
	}
	if err := os.Chmod(filepath.Join(two, "a.b"), 0o700); err != nil {
		t.Fatal(err)
	}
	b = write(t, two)
	if bytes.Equal(a, b) {
		t.Error("an execute bit is not stored")
	}
	if x, y := inspect(t, a), inspect(t, b); x.ContentDigest != y.ContentDigest {
		t.Error("an execute bit changed the content digest")
	}
}

// inspect checks an archive with the server's rules.
func inspect(t *testing.T, data []byte) *check.Report {
	t.Helper()
	c, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Inspect(context.Background(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Valid() {
		t.Errorf("the archive is not valid: %v", r.Findings)
	}
	return r
}

// An archive that is unpacked and packed again has the same content digest.
func TestRealPacksComeBack(t *testing.T) {
	for i, name := range packtest.RealPacks(t) {
		if i%10 != 0 {
			continue // the pipeline test does all
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, z); err != nil {
			t.Fatal(err)
		}
		want, got := inspect(t, data), inspect(t, write(t, dir))
		if got.ContentDigest != want.ContentDigest {
			t.Errorf("%s: %s instead of %s", filepath.Base(name), got.ContentDigest, want.ContentDigest)
		}
		x, y := marks(want.Files), marks(got.Files)
		if diff := cmp.Diff(x, y); diff != "" {
			t.Errorf("%s: %s", filepath.Base(name), diff)
		}
	}
}

// marks are the execute bits of files.
func marks(files []pack.File) map[string]bool {
	m := map[string]bool{}
	for _, f := range files {
		m[f.Path] = f.Executable
	}
	return m
}

func TestWithoutPackJSON(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"empty":   {nil, "holds no file"},
		"one":     {map[string]string{"argo/pack.json": "{}"}, "the pack seems to be"},
		"several": {map[string]string{"a/pack.json": "{}", "b/pack.json": "{}", "README.md": ""}, "2 of its folders hold one"},
		"deeper":  {map[string]string{"a/b/pack.json": "{}"}, "give the directory that holds it"},
		"ignored": {map[string]string{"pack.json": "{}", ".packignore": "*.json", "x": ""}, ".packignore leaves out the pack.json"},
		"nothing": {map[string]string{"pack.json": "{}", ".packignore": "*"}, ".packignore leaves out the pack.json"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fails(t, tree(t, c.files), limits)
			if err.Kind != pack.KindBadPack || len(err.Findings) != 1 || !strings.Contains(err.Message, c.says) {
				t.Errorf("the error is %v %v", err, err.Findings)
			}
			known := slices.ContainsFunc(check.Rules(), func(r check.Rule) bool { return r.ID == err.Findings[0].Rule })
			if !known {
				t.Errorf("no rule has the id %s", err.Findings[0].Rule)
			}
		})
	}
}

func TestNotADirectory(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"f": ""}), "f")
	for _, dir := range []string{file, file + "-none"} {
		if err := fails(t, dir, limits); err.Kind != pack.KindInvalid || !strings.Contains(err.Message, dir) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestLimits(t *testing.T) {
	dir := tree(t, packtest.Pack("limits", "1.0.0"))
	if err := fails(t, dir, archive.Limits{Unpacked: 10, Entries: 1000}); err.Findings[0].Rule != archive.RuleLimitUnpacked {
		t.Errorf("the error is %v", err)
	}
	if err := fails(t, dir, archive.Limits{Unpacked: 1 << 30, Entries: 3}); err.Findings[0].Rule != archive.RuleLimitEntries {
		t.Errorf("the error is %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := tree(t, packtest.Pack("secret", "1.0.0"))
	if err := os.Chmod(filepath.Join(dir, "values.yaml"), 0); err != nil {
		t.Fatal(err)
	}
	if err := fails(t, dir, limits); err.Kind != pack.KindInvalid || !strings.Contains(err.Message, "values.yaml cannot be read: permission denied") {
		t.Errorf("the error is %v", err)
	}
}

// growing is a destination; while it takes the first bytes, a file of the source is written to.
type growing struct{ change func() }

func (g *growing) Write(p []byte) (int, error) {
	if g.change != nil {
		g.change()
		g.change = nil
	}
	return len(p), nil
}

// A file that changes while it is read makes no archive of two halves.
func TestChangedMeanwhile(t *testing.T) {
	noise := make([]byte, 3<<20) // what cannot be compressed is written while it is read
	if _, err := rand.NewChaCha8([32]byte{}).Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *os.File) error{
		"longer":  func(f *os.File) error { _, err := f.WriteAt([]byte("more"), 3<<20); return err },
		"shorter": func(f *os.File) error { return f.Truncate(100) },
		"other": func(f *os.File) error {
			_, err := f.WriteAt([]byte("other"), 100)
			return errors.Join(err, os.Chtimes(f.Name(), time.Time{}, time.Unix(1e9, 0)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, packtest.Pack("moving", "1.0.0", packtest.File("big", string(noise))))
			w := &growing{change: func() {
				f, err := os.OpenFile(filepath.Join(dir, "big"), os.O_RDWR, 0)
				if err == nil {
					err = errors.Join(change(f), f.Close())
				}
				if err != nil {
					t.Error(err)
				}
			}}
			err := bundle.Write(context.Background(), w, dir, limits)
			if !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "big changed while it was being packed") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

var errFull = errors.New("no space")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfOthers(t *testing.T) {
	dir := tree(t, packtest.Pack("others", "1.0.0"))
	if err := bundle.Write(context.Background(), full{}, dir, limits); !errors.Is(err, errFull) {
		t.Errorf("an error of the destination became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := bundle.Write(ctx, io.Discard, dir, limits); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context became %v", err)
	}
}
