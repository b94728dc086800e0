package local

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// keeping is a store where it is a minute later and stays so, with blobs that were read before: their files are trusted, and stay open.
func keeping(t *testing.T, sizes ...int) (s *Store, data [][]byte, digests []pack.Digest) {
	t.Helper()
	now := time.Now().Add(time.Minute)
	s, err := New(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range sizes {
		b, d := storagetest.Blob(uint64(i), size)
		if err := s.Put(t.Context(), d, spool(t, s.SpoolDir(), b)); err != nil {
			t.Fatal(err)
		}
		data, digests = append(data, b), append(digests, d)
		for range 2 { // the first one hashes
			same(t, s, d, 0, -1, b)
		}
	}
	return s, data, digests
}

func same(t *testing.T, s *Store, d pack.Digest, offset, length int64, want []byte) {
	t.Helper()
	rc, err := s.Open(t.Context(), d, offset, length)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := io.ReadAll(rc)
	if err := errors.Join(err, rc.Close()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("from %d: %d bytes, %v; want the %d that were stored", offset, len(got), err, len(want))
	}
}

func (k *files) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.idle)
}

func TestSmallFilesStayOpen(t *testing.T) {
	s, data, digests := keeping(t, 40_000, mostBytes, mostBytes+1)
	if n := s.files.count(); n != 2 {
		t.Errorf("%d files are open, want the two small ones", n)
	}
	first := s.files.idle[0].File
	same(t, s, digests[0], 0, -1, data[0])
	if last := s.files.idle[1].File; last != first {
		t.Error("the file was opened anew")
	}
	if s.files.idle[1].d != digests[0] {
		t.Error("the one used last is not the last")
	}
	// It is a piece of a request's line, all of which would stay in memory.
	if unsafe.StringData(string(s.files.idle[1].d)) == unsafe.StringData(string(digests[0])) {
		t.Error("the digest that was given is kept")
	}

	var many []int
	for range mostFiles + 20 {
		many = append(many, 100)
	}
	s, data, digests = keeping(t, many...)
	if n := s.files.count(); n != mostFiles {
		t.Errorf("%d files are open, want %d", n, mostFiles)
	}
	for i, d := range digests {
		same(t, s, d, 0, -1, data[i])
	}
}

// Those who read at the same time do not have one file, and one that was left in its middle is read from where it is asked for.
func TestOpenFilesAreReadAtOnce(t *testing.T) {
	s, data, digests := keeping(t, 50_000, 60_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				i := rand.IntN(len(digests))
				from := rand.IntN(len(data[i]))
				to := from + rand.IntN(len(data[i])-from)
				same(t, s, digests[i], int64(from), int64(to-from), data[i][from:to])
				same(t, s, digests[i], 0, -1, data[i])
				if rc, err := s.Open(t.Context(), digests[i], 0, -1); err != nil {
					t.Error(err)
				} else {
					_, err := io.CopyN(io.Discard, rc, int64(from))
					if err := errors.Join(err, rc.Close()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := s.files.count(); n == 0 || n > 16 {
		t.Errorf("%d files are open after 8 readers of 2 blobs", n)
	}
}

// What is read is what lies at the blob's place now, whoever has changed it there.
func TestOpenFileIsGone(t *testing.T) {
	for name, change := range map[string]func(s *Store, d pack.Digest, path string) error{
		"deleted here":        func(s *Store, d pack.Digest, _ string) error { return s.Delete(t.Context(), d) },
		"deleted by others":   func(_ *Store, _ pack.Digest, path string) error { return os.Remove(path) },
		"replaced by a write": func(_ *Store, _ pack.Digest, path string) error { return overwrite(path, []byte("other")) },
		"replaced by a rename": func(_ *Store, _ pack.Digest, path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("other"), 0o600), os.Rename(path+".new", path))
		},
	} {
		s, data, digests := keeping(t, 40_000)
		d := digests[0]
		path := s.path(storage.Key(d))
		out, err := s.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		same(t, s, d, 0, -1, data[0]) // a second file, which is idle now
		if err := change(s, d, path); err != nil {
			t.Fatal(name, err)
		}
		if err := out.Close(); err != nil {
			t.Error(name, err)
		}
		want := pack.KindNotFound
		if _, err := os.Stat(path); err == nil {
			want = pack.KindCorrupt
		}
		for range 2 {
			rc, err := s.Open(t.Context(), d, 0, -1)
			if err == nil {
				_, err = io.ReadAll(rc)
				rc.Close()
			}
			if pack.KindOf(err) != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		if n := s.files.count(); n != 0 {
			t.Errorf("%s: %d files are open still", name, n)
		}
	}
}

// An open file cannot tell that its directory is another one now: it is not asked for long.
func TestOpenFileIsUsedForAShortTime(t *testing.T) {
	s, data, digests := keeping(t, 40_000)
	now := s.now()
	d := digests[0]
	blobs := s.path(storage.Prefix)
	if err := errors.Join(os.Rename(blobs, s.path("aside")), os.MkdirAll(blobs, dirMode)); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return now.Add(openFor - 1) }
	same(t, s, d, 0, -1, data[0])
	for _, later := range []time.Duration{openFor, -time.Second} {
		s.now = func() time.Time { return now.Add(later) }
		if _, err := s.Open(t.Context(), d, 0, -1); !pack.IsKind(err, pack.KindNotFound) {
			t.Errorf("%s after it was opened: %v", later, err)
		}
	}
	if n := s.files.count(); n != 0 {
		t.Errorf("%d old files are open still", n)
	}
}

// A deletion frees the disk, also when the blob is being read.
func TestDeletionClosesFiles(t *testing.T) {
	s, data, digests := keeping(t, 40_000)
	d := digests[0]
	out, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, s, d, 0, -1, data[0])
	if n := s.files.count(); n != 1 {
		t.Fatalf("%d files are open, want the one that is not read", n)
	}
	if err := s.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if n := s.files.count(); n != 0 {
		t.Errorf("%d files are open after the deletion", n)
	}
	if got, err := io.ReadAll(out); err != nil || !bytes.Equal(got, data[0]) {
		t.Errorf("who was reading got %d bytes, %v", len(got), err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if n := s.files.count(); n != 0 {
		t.Errorf("%d files are open after the last reader", n)
	}
}

func overwrite(path string, data []byte) error {
	return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, data, 0o600))
}
