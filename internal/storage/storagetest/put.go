package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"packregistry/internal/pack"
)

func testPut(t *testing.T, newStore New) {
	s := newStore(t)

	for i, size := range []int{0, 1, 2, 4095, 4096, 128 << 10, 128<<10 + 1, 1 << 20} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			data, d := Blob(uint64(i), size)
			if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
				t.Fatalf("Put: %v", err)
			}
			if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
				t.Fatalf("read %d other bytes back", len(got))
			}
		})
	}

	t.Run("twice is a success", func(t *testing.T) {
		data, d := Blob(100, 5000)
		put(t, s, data)
		put(t, s, data)
		if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
			t.Fatal("the second Put changed the blob")
		}
	})

	t.Run("after a delete", func(t *testing.T) {
		data, d := Blob(101, 5000)
		put(t, s, data)
		if err := s.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		put(t, s, data)
		if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
			t.Fatal("wrong bytes")
		}
	})

	t.Run("other bytes are refused and leave nothing", func(t *testing.T) {
		data, _ := Blob(102, 5000)
		_, other := Blob(103, 5000)
		wantKind(t, s.Put(t.Context(), other, bytes.NewReader(data)), pack.KindCorrupt)
		wantAbsent(t, s, other)
	})

	t.Run("other bytes are refused even when the blob is there", func(t *testing.T) {
		good, d := Blob(104, 5000)
		put(t, s, good)
		bad, _ := Blob(105, 5000)
		wantKind(t, s.Put(t.Context(), d, bytes.NewReader(bad)), pack.KindCorrupt)
		if got := read(t, s, d, 0, -1); !bytes.Equal(got, good) {
			t.Fatal("a refused Put changed the blob")
		}
	})

	t.Run("a source that ends early leaves nothing", func(t *testing.T) {
		data, d := Blob(106, 300_000)
		err := s.Put(t.Context(), d, &source{data: data[:200_000], size: 300_000})
		wantKind(t, err, pack.KindCorrupt)
		wantAbsent(t, s, d)
	})

	t.Run("a source that fails leaves nothing", func(t *testing.T) {
		data, d := Blob(107, 300_000)
		broken := errors.New("broken source")
		err := s.Put(t.Context(), d, &source{data: data, size: 300_000, failAt: 150_000, err: broken})
		if !errors.Is(err, broken) {
			t.Fatalf("got %v, want the source's error as its cause", err)
		}
		wantAbsent(t, s, d)
	})

	for _, bad := range []pack.Digest{
		"", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha256:../../../../../../../../../../../../../../../../../../../../etc/passwd",
		"sha256:ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD",
	} {
		t.Run(fmt.Sprintf("digest %q", bad), func(t *testing.T) {
			wantKind(t, s.Put(t.Context(), bad, bytes.NewReader(nil)), pack.KindInvalid)
			_, err := s.Open(t.Context(), bad, 0, -1)
			wantKind(t, err, pack.KindInvalid)
			_, err = s.Stat(t.Context(), bad)
			wantKind(t, err, pack.KindInvalid)
			wantKind(t, s.Delete(t.Context(), bad), pack.KindInvalid)
		})
	}
}

// source claims size bytes, gives data, and fails with err once a read reaches
// failAt (when err is set). onRead, when set, runs before each read.
type source struct {
	data   []byte
	size   int64
	failAt int64
	err    error
	onRead func(off int64)
}

func (s *source) Size() int64 { return s.size }

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if s.onRead != nil {
		s.onRead(off)
	}
	if s.err != nil && off+int64(len(p)) > s.failAt {
		return 0, s.err
	}
	if off >= int64(len(s.data)) {
		return 0, io.EOF
	}
	n := copy(p, s.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
