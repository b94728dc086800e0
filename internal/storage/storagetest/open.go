package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"packregistry/internal/pack"
)

func testOpen(t *testing.T, newStore New) {
	s := newStore(t)
	const size = 300_000
	data, _ := Blob(1, size)
	d := put(t, s, data)

	t.Run("as a stream", func(t *testing.T) {
		rc, err := s.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		if err := iotest.TestReader(struct{ io.Reader }{rc}, data); err != nil {
			t.Fatal(err)
		}
	})

	for _, r := range []struct{ offset, length, want int64 }{
		{0, -1, size},
		{0, size, size},
		{0, size + 1, size},
		{0, 1 << 60, size},
		{0, 0, 0},
		{0, 1, 1},
		{0, size - 1, size - 1},
		{1, -1, size - 1},
		{1, 1, 1},
		{1, size, size - 1},
		{12_345, 100_000, 100_000},
		{size - 1, -1, 1},
		{size - 1, 1, 1},
		{size - 1, 2, 1},
		{size - 1, 0, 0},
		{size, -1, 0},
		{size, 0, 0},
		{size, 10, 0},
	} {
		t.Run(fmt.Sprintf("offset %d length %d", r.offset, r.length), func(t *testing.T) {
			if got := read(t, s, d, r.offset, r.length); !bytes.Equal(got, data[r.offset:r.offset+r.want]) {
				t.Fatalf("got %d bytes, or other ones; want %d", len(got), r.want)
			}
			// What io.Copy would choose must give the same.
			rc, err := s.Open(t.Context(), d, r.offset, r.length)
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			var buf bytes.Buffer
			if _, err := io.Copy(&buf, rc); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(buf.Bytes(), data[r.offset:r.offset+r.want]) {
				t.Fatalf("io.Copy gave %d bytes, or other ones; want %d", buf.Len(), r.want)
			}
		})
	}

	for _, r := range []struct{ offset, length int64 }{{size + 1, -1}, {size + 1, 0}, {size + 1, 1}, {-1, -1}, {-1, 10}} {
		t.Run(fmt.Sprintf("outside: offset %d length %d", r.offset, r.length), func(t *testing.T) {
			rc, err := s.Open(t.Context(), d, r.offset, r.length)
			if err == nil {
				rc.Close()
			}
			wantKind(t, err, pack.KindInvalid)
		})
	}

	t.Run("the empty blob", func(t *testing.T) {
		empty := put(t, s, nil)
		for _, length := range []int64{-1, 0, 5} {
			if got := read(t, s, empty, 0, length); len(got) != 0 {
				t.Fatalf("got %d bytes", len(got))
			}
		}
		_, err := s.Open(t.Context(), empty, 1, -1)
		wantKind(t, err, pack.KindInvalid)
	})

	t.Run("a blob that is not there", func(t *testing.T) {
		_, absent := Blob(2, 10)
		for _, r := range []struct{ offset, length int64 }{{0, -1}, {0, 0}, {5, 5}, {5, 0}} {
			_, err := s.Open(t.Context(), absent, r.offset, r.length)
			wantKind(t, err, pack.KindNotFound)
		}
	})

	t.Run("closed before it is read", func(t *testing.T) {
		rc, err := s.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(rc); err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("reading a closed stream gave %v, want an error", err)
		}
	})
}
