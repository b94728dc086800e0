package storagetest

import (
	"testing"
	"time"

	"packregistry/internal/pack"
)

// clockSkew is how far a store's clock may be from ours: it may run on another
// machine, and S3 gives whole seconds.
const clockSkew = 5 * time.Minute

func testStat(t *testing.T, newStore New) {
	s := newStore(t)
	data, d := Blob(1, 12_345)

	_, err := s.Stat(t.Context(), d)
	wantKind(t, err, pack.KindNotFound)

	put(t, s, data)
	info, err := s.Stat(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if info.Digest != d || info.Size != 12_345 {
		t.Errorf("got %+v, want %s with 12345 bytes", info, d)
	}
	if age := time.Since(info.ModTime); age > clockSkew || age < -clockSkew {
		t.Errorf("modified at %v, want about now", info.ModTime)
	}

	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func testDelete(t *testing.T, newStore New) {
	s := newStore(t)
	one, two := put(t, s, []byte("one")), put(t, s, []byte("two"))

	if err := s.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, one)
	if err := s.Delete(t.Context(), one); err != nil {
		t.Errorf("deleting a blob that is not there: %v", err)
	}
	if got := string(read(t, s, two, 0, -1)); got != "two" {
		t.Errorf("the other blob is %q", got)
	}
}
