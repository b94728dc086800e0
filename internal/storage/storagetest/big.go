package storagetest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"packregistry/internal/pack"
)

// BigSize is the size of the suite's big blob: above 64 MiB, where S3 uses
// multipart uploads, and no multiple of a part.
const BigSize = 70<<20 + 4321

func testBig(t *testing.T, newStore New) {
	if testing.Short() {
		t.Skip("70 MiB: not with -short")
	}
	s := newStore(t)
	src := Pattern(BigSize)
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(src, 0, BigSize)); err != nil {
		t.Fatal(err)
	}
	d := pack.NewDigest(sum.Sum(nil))

	_, other := Blob(1, 10)
	wantKind(t, s.Put(t.Context(), other, src), pack.KindCorrupt)
	wantAbsent(t, s, other)

	for range 2 {
		if err := s.Put(t.Context(), d, src); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	info, err := s.Stat(t.Context(), d)
	if err != nil || info.Size != BigSize {
		t.Fatalf("Stat: %+v, %v; want %d bytes", info, err, BigSize)
	}

	rc, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	got := sha256.New()
	if n, err := io.Copy(got, rc); err != nil || n != BigSize || pack.NewDigest(got.Sum(nil)) != d {
		t.Fatalf("read %d bytes of %s, %v", n, pack.NewDigest(got.Sum(nil)), err)
	}

	// Across the seam of two parts, whatever their size in MiB.
	want := make([]byte, 2<<20)
	if _, err := src.ReadAt(want, 63<<20); err != nil {
		t.Fatal(err)
	}
	if string(read(t, s, d, 63<<20, 2<<20)) != string(want) {
		t.Error("a range gives other bytes")
	}
}

// Pattern is a Source of so many bytes that takes no memory. Every 8 bytes depend
// on their place, so that a block moved or doubled changes the hash.
type Pattern int64

// Size implements storage.Source.
func (p Pattern) Size() int64 { return int64(p) }

// ReadAt implements io.ReaderAt.
func (p Pattern) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	for want := min(int64(len(b)), int64(p)-off); int64(n) < want; {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], uint64(off/8)*0x9e3779b97f4a7c15)
		k := copy(b[n:want], word[off%8:])
		n, off = n+k, off+int64(k)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
