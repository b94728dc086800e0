package storagetest

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"packregistry/internal/storage"
)

// Benchmark measures putting and reading blobs of the sizes that packs have.
func Benchmark(b *testing.B, newStore func(b *testing.B) storage.Store) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"40KB", 40_000}, {"1MB", 1_000_000}} {
		data, d := Blob(1, size.bytes)
		b.Run("put/"+size.name, func(b *testing.B) {
			s := newStore(b)
			mine := bytes.Clone(data)
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for i := uint64(0); b.Loop(); i++ {
				binary.LittleEndian.PutUint64(mine, i) // a blob of its own
				if err := s.Put(b.Context(), Digest(mine), bytes.NewReader(mine)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("open/"+size.name, func(b *testing.B) {
			s := newStore(b)
			if err := s.Put(b.Context(), d, bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for b.Loop() {
				rc, err := s.Open(b.Context(), d, 0, -1)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, rc); err != nil || n != int64(size.bytes) {
					b.Fatalf("read %d bytes, %v", n, err)
				}
				rc.Close()
			}
		})
	}
}
