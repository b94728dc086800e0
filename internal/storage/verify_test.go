package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"packregistry/internal/pack"
)

func digestOf(s string) pack.Digest {
	sum := sha256.Sum256([]byte(s))
	return pack.NewDigest(sum[:])
}

func TestVerifyReader(t *testing.T) {
	const content = "some bytes of a blob"
	d, size := digestOf(content), int64(len(content))
	broken := errors.New("broken pipe")
	reader := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	for name, c := range map[string]struct {
		r    func() io.Reader
		want string // what may be handed out, at most
		kind pack.Kind
	}{
		"good":  {reader(content), content, ""},
		"other": {reader("some bytes of a bl0b"), "some bytes of a bl0", pack.KindCorrupt},
		"short": {reader(content[:10]), content[:10], pack.KindCorrupt},
		"long":  {reader(content + "x"), content[:19], pack.KindCorrupt},
		"empty": {reader(""), "", pack.KindCorrupt},
		"read error": {
			func() io.Reader { return io.MultiReader(strings.NewReader(content[:10]), iotest.ErrReader(broken)) },
			content[:10], pack.KindInternal,
		},
	} {
		for mode, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r },
			"bytes": iotest.OneByteReader,
			"eof":   iotest.DataErrReader,
		} {
			if name == "long" && mode == "bytes" {
				continue // one byte at a time it is whole before the next is asked for
			}
			t.Run(name+" "+mode, func(t *testing.T) {
				r := VerifyReader(io.NopCloser(wrap(c.r())), d, size)
				got, err := io.ReadAll(r)
				if pack.KindOf(err) != c.kind {
					t.Errorf("got %v, want kind %q", err, c.kind)
				}
				if !strings.HasPrefix(c.want, string(got)) || (c.kind == "" && string(got) != c.want) {
					t.Errorf("handed out %q, want at most %q", got, c.want)
				}
				again, err2 := r.Read(make([]byte, 10))
				if again != 0 || (err != nil && !errors.Is(err2, err)) || (err == nil && !errors.Is(err2, io.EOF)) {
					t.Errorf("after the end: %d, %v", again, err2)
				}
			})
		}
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		size, offset, length, want int64
		bad                        bool
	}{
		{10, 0, -1, 10, false},
		{10, 4, -1, 6, false},
		{10, 4, 2, 2, false},
		{10, 4, 1 << 62, 6, false},
		{10, 10, 5, 0, false},
		{0, 0, -1, 0, false},
		{10, 11, -1, 0, true},
		{10, -1, 5, 0, true},
	} {
		got, err := Span(c.size, c.offset, c.length)
		if got != c.want || c.bad != pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("Span(%d, %d, %d) = %d, %v", c.size, c.offset, c.length, got, err)
		}
	}
}

func TestKey(t *testing.T) {
	d := digestOf("x")
	key := Key(d)
	if got, ok := ParseKey(key); !ok || got != d {
		t.Errorf("ParseKey(%q) = %q, %v", key, got, ok)
	}
	hex := d.Hex()
	for _, bad := range []string{
		"", "blobs/sha256/", hex, "/" + key, key + "/", key + "x", key[:len(key)-1],
		"blobs/sha256/00/" + hex, "blobs/sha256/" + hex[:2] + "/" + strings.ToUpper(hex), "blobs/sha512/" + hex[:2] + "/" + hex,
	} {
		if got, ok := ParseKey(bad); ok {
			t.Errorf("ParseKey(%q) = %q, want none", bad, got)
		}
	}
}

func TestDiskError(t *testing.T) {
	for err, kind := range map[error]pack.Kind{
		&fs.PathError{Op: "write", Err: syscall.ENOSPC}: pack.KindNoSpace,
		&fs.PathError{Op: "write", Err: syscall.EDQUOT}: pack.KindNoSpace,
		&fs.PathError{Op: "open", Err: syscall.EACCES}:  pack.KindUnavailable,
		&fs.PathError{Op: "open", Err: syscall.EROFS}:   pack.KindUnavailable,
		&fs.PathError{Op: "open", Err: syscall.EMFILE}:  pack.KindUnavailable,
		&fs.PathError{Op: "read", Err: syscall.EIO}:     pack.KindInternal,
		NotFound(digestOf("x"), nil):                    pack.KindNotFound,
	} {
		got := DiskError(err)
		if !pack.IsKind(got, kind) || !errors.Is(got, err) {
			t.Errorf("DiskError(%v) = %v of kind %s, want %s around it", err, got, pack.KindOf(got), kind)
		}
	}
	if DiskError(nil) != nil {
		t.Error("DiskError(nil) is an error")
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(strings.NewReader("hello "), 6); err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(strings.NewReader("world"), -1); err != nil {
		t.Fatal(err)
	}
	if s.Digest() != digestOf("hello world") || s.Size() != 11 || filepath.Dir(s.Path()) != dir {
		t.Errorf("got %s, %d bytes in %s", s.Digest(), s.Size(), s.Path())
	}
	var buf bytes.Buffer
	if err := CopyVerified(t.Context(), &buf, s.Digest(), s); err != nil || buf.String() != "hello world" {
		t.Errorf("read %q, %v", buf.String(), err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestSpoolLimit(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.Fill(neverEnding{}, 1000)
	var e *pack.Error
	if !errors.As(err, &e) || e.Kind != pack.KindTooLarge || e.Limit != 1000 {
		t.Errorf("got %v, want KindTooLarge with the limit", err)
	}
	if s.Size() > 1001 {
		t.Errorf("%d bytes were kept", s.Size())
	}
	broken := errors.New("the client went away")
	if err := s.Fill(iotest.ErrReader(broken), -1); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's own error", err)
	}
}

func TestSpoolTakenAway(t *testing.T) {
	s, err := NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := NewSpool(filepath.Join(t.TempDir(), "absent")); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("got %v, want KindUnavailable", err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

// A lazy spool makes its file only when it has to, and is otherwise the same.
func TestLazySpool(t *testing.T) {
	for _, size := range []int{0, 1, spoolMemory - 1, spoolMemory, spoolMemory + 1, 3 * spoolMemory} {
		dir := t.TempDir()
		s := NewLazySpool(dir)
		data := strings.Repeat("0123456789", size/10+1)[:size]
		if err := s.Fill(iotest.HalfReader(strings.NewReader(data)), int64(size)); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || (len(files) > 0) != (size > spoolMemory) || (s.Path() != "") != (size > spoolMemory) {
			t.Errorf("%d bytes lie in %d files, %v, path %q", size, len(files), err, s.Path())
		}
		var buf bytes.Buffer
		if err := CopyVerified(t.Context(), &buf, digestOf(data), s); err != nil || buf.String() != data || s.Size() != int64(size) {
			t.Errorf("%d bytes: read %d, %v", size, buf.Len(), err)
		}
		if n, err := s.ReadAt(make([]byte, 10), int64(size)); n > 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes: read %d behind the end, %v", size, n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
	s := NewLazySpool(filepath.Join(t.TempDir(), "absent"))
	if err := s.Fill(neverEnding{}, 10*spoolMemory); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
