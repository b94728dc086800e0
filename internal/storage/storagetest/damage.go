package storagetest

import (
	"bytes"
	"io"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Plant puts bytes under a key below the store's root, past the store, the way a
// broken copy or a bad disk does.
type Plant func(t *testing.T, key string, data []byte)

// RunDamage runs the part of the suite that needs a way round the store.
func RunDamage(t *testing.T, newStore func(t *testing.T) (storage.Store, Plant)) {
	s, plant := newStore(t)

	t.Run("a flipped bit is found", func(t *testing.T) {
		for i, size := range []int{1, 1000, 300_000} {
			data, d := Blob(uint64(i), size)
			bad := bytes.Clone(data)
			bad[size/2] ^= 4
			plant(t, storage.Key(d), bad)
			rc, err := s.Open(t.Context(), d, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rc)
			rc.Close()
			wantKind(t, err, pack.KindCorrupt)
			if len(got) == size {
				t.Errorf("all %d bytes were handed out", size)
			}
			if part := read(t, s, d, 0, int64(size/2)); !bytes.Equal(part, data[:size/2]) {
				t.Error("a part before the damage cannot be read")
			}
		}
	})

	t.Run("an empty blob is found", func(t *testing.T) {
		_, d := Blob(10, 1000)
		plant(t, storage.Key(d), nil)
		rc, err := s.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(rc)
		rc.Close()
		wantKind(t, err, pack.KindCorrupt)
	})

	for name, cut := range map[string]int{"empty": 0, "torn": 5000, "too long": 10_100} {
		t.Run("a put mends a blob that is "+name, func(t *testing.T) {
			data, d := Blob(11, 10_000)
			plant(t, storage.Key(d), append(bytes.Clone(data), make([]byte, 100)...)[:cut])
			put(t, s, data)
			if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
				t.Errorf("read %d bytes, want the blob", len(got))
			}
		})
	}

	t.Run("things that are no blobs are left alone", func(t *testing.T) {
		before := len(walkAll(t, s))
		hex := Digest([]byte("x")).Hex()
		strays := []string{
			"README", "blobs/note.txt", "blobs/sha256/note.txt", "blobs/sha256/zz/" + hex,
			"blobs/sha256/" + hex[:2] + "/" + hex + ".bak", "blobs/sha256/" + hex[:2] + "/" + hex[:63],
			"blobs/sha512/" + hex[:2] + "/" + hex,
		}
		for _, key := range strays {
			plant(t, key, []byte("x"))
		}
		if after := len(walkAll(t, s)); after != before {
			t.Errorf("Walk gives %d blobs more", after-before)
		}
	})
}
