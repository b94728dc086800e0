package local

import (
	"io"
	"os"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// A blob is sent without being hashed only after it was hashed, while nobody has
// touched its file and not for long; every doubt leads back to hashing.
func TestTrust(t *testing.T) {
	now := time.Now()
	s, err := New(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	data, d := storagetest.Blob(1, 50_000)
	if err := s.Put(t.Context(), d, spool(t, s.SpoolDir(), data)); err != nil {
		t.Fatal(err)
	}
	read := func(want pack.Kind) (trusted bool) {
		t.Helper()
		rc, err := s.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		_, trusted = rc.(storage.Settled)
		if _, err := io.ReadAll(rc); pack.KindOf(err) != want {
			t.Fatalf("reading gave %v, want kind %q", err, want)
		}
		return trusted
	}
	path := s.path(storage.Key(d))
	if first, second := read(""), read(""); first || second {
		t.Error("a file is trusted that was written just now")
	}
	now = now.Add(time.Minute)
	if read("") {
		t.Error("a file is trusted that was never hashed")
	}
	if !read("") {
		t.Error("a file is not trusted that was hashed just now")
	}
	now = now.Add(storage.TrustFor)
	if read("") {
		t.Error("a file is trusted for ever")
	}

	// Damage that hides itself as well as it can: same place, size and modification time.
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	data[7] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if first, second := read(pack.KindCorrupt), read(pack.KindCorrupt); first || second {
		t.Error("a damaged file is trusted")
	}
}
