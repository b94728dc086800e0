package local

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

func open(t testing.TB, root string) *Store {
	t.Helper()
	s, err := New(root, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plant(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// filesBelow lists all regular files, slash separated, relative to dir.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func spool(t testing.TB, dir string, data []byte) *storage.Spool {
	t.Helper()
	sp, err := storage.NewSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sp.Close() })
	if err := sp.Fill(bytes.NewReader(data), -1); err != nil {
		t.Fatal(err)
	}
	return sp
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		root := t.TempDir()
		t.Cleanup(func() {
			if left := filesBelow(t, filepath.Join(root, "tmp")); len(left) > 0 {
				t.Errorf("left in tmp: %v", left)
			}
		})
		return open(t, root)
	})
}

func TestDamage(t *testing.T) {
	storagetest.RunDamage(t, func(t *testing.T) (storage.Store, storagetest.Plant) {
		s := open(t, t.TempDir())
		return s, func(t *testing.T, key string, data []byte) { plant(t, s.path(key), data) }
	})
}

func TestLayout(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b", "data")
	s := open(t, root)
	data, d := storagetest.Blob(1, 100)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	want := "blobs/sha256/" + d.Hex()[:2] + "/" + d.Hex()
	if got := filesBelow(t, root); len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %s", got, want)
	}
	fi, err := os.Stat(filepath.Join(root, want))
	if err != nil || fi.Mode() != blobMode {
		t.Errorf("the blob has mode %v, %v; want %v", fi.Mode(), err, os.FileMode(blobMode))
	}
	if s.SpoolDir() != filepath.Join(root, "tmp") {
		t.Errorf("spools lie in %s", s.SpoolDir())
	}
	// A second server on the same directory sees the blob.
	if _, err := open(t, root).Stat(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestSpoolIsLinked(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 100_000)
	sp := spool(t, s.SpoolDir(), data)
	before, err := os.Stat(sp.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), d, sp); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(s.path(storage.Key(d)))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the blob was copied (%v), want a link", err)
	}
	// The spool goes on until it is closed; the blob stays.
	if got, err := io.ReadAll(io.NewSectionReader(sp, 0, sp.Size())); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the spool cannot be read after the put: %v", err)
	}
	if err := sp.Close(); err != nil {
		t.Fatal(err)
	}
	if files := filesBelow(t, s.root); len(files) != 1 {
		t.Errorf("got %v, want the blob alone", files)
	}
	rc, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the blob cannot be read after the spool is closed: %v", err)
	}
}

func TestLinkedSourceIsHashed(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 1000)
	sp := spool(t, s.SpoolDir(), data)
	// Another file of the same size takes the name: what is linked is what must hash.
	bad := bytes.Clone(data)
	bad[7]++
	plant(t, sp.Path(), bad)
	if err := s.Put(t.Context(), d, sp); !pack.IsKind(err, pack.KindCorrupt) {
		t.Errorf("got %v, want KindCorrupt", err)
	}
	if _, err := s.Stat(t.Context(), d); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("got %v, want no blob", err)
	}
}

// sourceAt is a source that claims to lie at a path.
type sourceAt struct {
	*bytes.Reader
	path string
}

func (s sourceAt) Path() string { return s.path }

func TestCopiesWhatCannotBeLinked(t *testing.T) {
	data, d := storagetest.Blob(1, 1000)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	plant(t, file, data)
	symlink := filepath.Join(dir, "symlink")
	if err := os.Symlink(file, symlink); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"symlink": symlink, "directory": dir, "absent": filepath.Join(dir, "absent"), "shorter file": os.DevNull, "empty path": "",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if err := s.Put(t.Context(), d, sourceAt{bytes.NewReader(data), path}); err != nil {
				t.Fatal(err)
			}
			fi, err := os.Lstat(s.path(storage.Key(d)))
			if err != nil || !fi.Mode().IsRegular() || fi.Size() != 1000 {
				t.Errorf("the blob is %v, %v", fi, err)
			}
			if left := filesBelow(t, s.tmp); len(left) > 0 {
				t.Errorf("left in tmp: %v", left)
			}
		})
	}
}

func TestMakesDirectoriesAgain(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 1000)
	if err := os.RemoveAll(s.path(storage.Prefix)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), d); err != nil {
		t.Errorf("Delete without its directory: %v", err)
	}
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestTidy(t *testing.T) {
	s := open(t, t.TempDir())
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"put-123", "spool-456", "somebody's file", "put-fresh", "spool-fresh"} {
		path := filepath.Join(s.tmp, name)
		plant(t, path, []byte("x"))
		if !strings.HasSuffix(name, "fresh") {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := s.Tidy(t.Context(), time.Now().Add(-time.Hour)); n != 2 || err != nil {
		t.Errorf("got %d, %v; want 2 removed", n, err)
	}
	if left := filesBelow(t, s.tmp); len(left) != 3 {
		t.Errorf("left: %v, want the fresh ones and somebody's file", left)
	}
}

func TestBadRoot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	plant(t, file, nil)
	for _, root := range []string{file, filepath.Join(file, "below")} {
		if _, err := New(root, time.Now); !pack.IsKind(err, pack.KindUnavailable) || !strings.Contains(err.Error(), root) {
			t.Errorf("got %v, want KindUnavailable that names %s", err, root)
		}
	}
}

func TestRootGoesAway(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	if err := os.RemoveAll(s.root); err != nil {
		t.Fatal(err)
	}
	data, d := storagetest.Blob(1, 10)
	if err := s.Check(t.Context()); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Check: got %v, want KindUnavailable", err)
	}
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Put: got %v, want KindUnavailable", err)
	}
	if err := s.Walk(t.Context(), nil); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Walk: got %v, want KindUnavailable: an empty answer would be a lie", err)
	}
}

func TestOddFileInTheWay(t *testing.T) {
	s := open(t, t.TempDir())
	_, d := storagetest.Blob(1, 10)
	if err := os.Mkdir(s.path(storage.Key(d)), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), d); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("Stat: got %v, want KindNotFound", err)
	}
	if _, err := s.Open(t.Context(), d, 0, -1); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("Open: got %v, want KindNotFound", err)
	}
}

// A file cut while it is being sent must not look like the end of the part.
func TestCutWhileReading(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 300_000)
	for name, drain := range map[string]func(io.Reader) (int64, error){
		"read":  func(r io.Reader) (int64, error) { return io.Copy(io.Discard, struct{ io.Reader }{r}) },
		"write": func(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) },
	} {
		t.Run(name, func(t *testing.T) {
			plant(t, s.path(storage.Key(d)), data)
			rc, err := s.Open(t.Context(), d, 10, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			if err := os.Truncate(s.path(storage.Key(d)), 1000); err != nil {
				t.Fatal(err)
			}
			if n, err := drain(rc); n != 990 || !pack.IsKind(err, pack.KindCorrupt) {
				t.Errorf("got %d bytes and %v, want 990 and KindCorrupt", n, err)
			}
		})
	}
}

// Parts go to a connection through the file's own WriteTo, and arrive whole.
func TestPartToConnection(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 1_000_000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			rc, err := s.Open(t.Context(), d, 1000, 900_000)
			if err != nil {
				return err
			}
			defer rc.Close()
			_, err = io.Copy(conn, rc)
			return err
		}()
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	got, err := io.ReadAll(conn)
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, data[1000:901_000]) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func BenchmarkLocal(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store { return open(b, b.TempDir()) })
}
