package oci_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"packregistry/internal/testenv"
)

const bigSize = 256 << 20

func bigNoise(size int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{7}), size) }

// TestMemoryDoesNotGrowWithTheBlob: through a session of two chunks, and out again.
func TestMemoryDoesNotGrowWithTheBlob(t *testing.T) {
	if testing.Short() {
		t.Skip("writes half a gigabyte")
	}
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		sum := sha256.New()
		_, err := io.Copy(sum, bigNoise(bigSize))
		e.must(err)
		digest := "sha256:" + hex.EncodeToString(sum.Sum(nil))
		rise := testenv.PeakHeap(func() {
			id := e.start("big")
			body := bigNoise(bigSize)
			u, err := e.Append(ctx, "big", id, "alice", 0, io.LimitReader(body, bigSize/2))
			e.must(err)
			e.must(e.Finish(ctx, "big", id, "alice", digest, u.Offset, body))
			b, err := e.Blob(ctx, "big", digest)
			e.must(err)
			stream, err := b.Open(ctx, 0, -1)
			e.must(err)
			_, err = io.Copy(io.Discard, stream)
			e.must(errors.Join(err, stream.Close()))
		})
		t.Logf("the heap rose by %d KiB for %d KiB", rise>>10, bigSize>>10)
		if rise > bigSize/4 {
			t.Errorf("the heap rose by %d bytes for a blob of %d", rise, bigSize)
		}
		e.noSpools()
	})
}
