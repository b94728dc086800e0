package s3

import (
	"bytes"
	"io"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// An object is sent without being hashed only after it was, as long as it is the same object,
// and not for long.
func TestTrust(t *testing.T) {
	s := open(t, bucketConfig(t))
	now := time.Now()
	s.now = func() time.Time { return now }
	data, d := storagetest.Blob(1, 200_000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
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
		var got bytes.Buffer
		if _, err := io.Copy(&got, rc); pack.KindOf(err) != want || want == "" && !bytes.Equal(got.Bytes(), data) {
			t.Fatalf("reading gave %d bytes, %v, want kind %q", got.Len(), err, want)
		}
		return trusted
	}
	if read("") || !read("") || !read("") {
		t.Error("an object is trusted before it was hashed, or not after")
	}
	now = now.Add(storage.TrustFor)
	if read("") {
		t.Error("an object is trusted for ever")
	}
	bad := bytes.Clone(data)
	bad[7] ^= 1
	plant(t, s, storage.Key(d), bad)
	if first, second := read(pack.KindCorrupt), read(pack.KindCorrupt); first || second {
		t.Error("another object in its place is trusted")
	}
}
