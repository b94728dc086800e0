package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// filler is the stream of a whole blob on its way to a reader, which writes a copy as it goes.
type filler struct {
	io.ReadCloser // verifies
	s             *Store
	d             pack.Digest
	size          int64
	file          *os.File // nil when no copy is made any more
}

// fill copies a stream while it is read, or gives it back as it is when there is no room.
func (s *Store) fill(ctx context.Context, rc io.ReadCloser, d pack.Digest) io.ReadCloser {
	info, err := s.Stat(ctx, d)
	if err != nil || info.Size > s.o.Size/share {
		return rc
	}
	// As much stays free as all copies may take: the disk is for uploads first.
	if free, known := free(s.o.Dir); known && free-info.Size < s.o.Size {
		return rc
	}
	d = pack.Digest(strings.Clone(string(d))) // which may be a piece of a request's line, and stays with the copy
	f := &filler{s: s, d: d, size: info.Size}
	if !s.reserve(f) {
		return rc
	}
	if f.file, err = storage.NewNameless(s.o.Dir); err != nil {
		s.settle(f, false)
		s.o.Log.WarnContext(ctx, "no copy of a blob can be made", "digest", string(d), "error", err)
		return rc
	}
	f.ReadCloser = storage.VerifyReader(rc, d, info.Size)
	return f
}

// Read is io.Reader. That no copy can be made is no concern of the reader's.
func (f *filler) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.file == nil {
		return n, err
	}
	if n > 0 {
		if _, werr := f.file.Write(p[:n]); werr != nil {
			f.s.o.Log.Warn("no copy of a blob can be made", "digest", string(f.d), "error", werr)
			f.giveUp()
			return n, err
		}
	}
	switch {
	case errors.Is(err, io.EOF): // all of it, and it hashes to its name
		if !f.s.settle(f, true) {
			_ = f.file.Close()
		}
		f.file = nil
	case err != nil:
		f.giveUp()
	}
	return n, err
}

func (f *filler) giveUp() {
	if f.file != nil {
		f.s.settle(f, false)
		_ = f.file.Close() // nobody wants what is in it
		f.file = nil
	}
}

// Close is io.Closer. A reader that goes away before the end leaves no copy.
func (f *filler) Close() error {
	f.giveUp()
	return f.ReadCloser.Close()
}
