package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// New makes an empty store for one test.
type New func(t *testing.T) storage.Store

// Run runs the suite. Stores are made anew for each topic.
func Run(t *testing.T, newStore New) {
	t.Helper()
	topics := []struct {
		name string
		run  func(*testing.T, New)
	}{
		{"put", testPut},
		{"open", testOpen},
		{"stat", testStat},
		{"delete", testDelete},
		{"walk", testWalk},
		{"concurrent", testConcurrent},
		{"cancel", testCancel},
		{"big", testBig},
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) { topic.run(t, newStore) })
	}
}

// Blob makes size pseudo-random bytes, the same for the same seed, and their
// digest.
func Blob(seed uint64, size int) ([]byte, pack.Digest) {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	data := make([]byte, size)
	if _, err := rand.NewChaCha8(key).Read(data); err != nil {
		panic(err) // ChaCha8 never fails
	}
	return data, Digest(data)
}

// Digest hashes data.
func Digest(data []byte) pack.Digest {
	sum := sha256.Sum256(data)
	return pack.NewDigest(sum[:])
}

func put(t *testing.T, s storage.Store, data []byte) pack.Digest {
	t.Helper()
	d := Digest(data)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatalf("Put of %d bytes: %v", len(data), err)
	}
	return d
}

func read(t *testing.T, s storage.Store, d pack.Digest, offset, length int64) []byte {
	t.Helper()
	rc, err := s.Open(t.Context(), d, offset, length)
	if err != nil {
		t.Fatalf("Open(%d, %d): %v", offset, length, err)
	}
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatalf("reading (%d, %d): %v", offset, length, err)
	}
	return data
}

func wantKind(t *testing.T, err error, kind pack.Kind) {
	t.Helper()
	if !pack.IsKind(err, kind) {
		t.Fatalf("got %q (%v), want an error of kind %q", pack.KindOf(err), err, kind)
	}
}

func wantAbsent(t *testing.T, s storage.Store, d pack.Digest) {
	t.Helper()
	_, err := s.Stat(t.Context(), d)
	wantKind(t, err, pack.KindNotFound)
	if rc, err := s.Open(t.Context(), d, 0, -1); err == nil {
		rc.Close()
		t.Fatal("Open finds a blob that Stat does not")
	} else {
		wantKind(t, err, pack.KindNotFound)
	}
}

func walkAll(t *testing.T, s storage.Store) map[pack.Digest]storage.Info {
	t.Helper()
	seen := map[pack.Digest]storage.Info{}
	err := s.Walk(t.Context(), func(i storage.Info) error {
		if _, twice := seen[i.Digest]; twice {
			t.Errorf("Walk gives %s twice", i.Digest)
		}
		seen[i.Digest] = i
		return nil
	})
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return seen
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
