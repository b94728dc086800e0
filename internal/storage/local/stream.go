package local

import (
	"fmt"
	"io"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// file gives the open file of a blob, with what it is now.
func (s *Store) file(d pack.Digest, now time.Time) (*openFile, error) {
	for f := s.files.take(d); f != nil; f = s.files.take(d) {
		if f.fresh(now) {
			return f, nil
		}
		f.Close()
	}
	f, err := s.files.open(s.path(storage.Key(d)), d, now)
	if err != nil {
		return nil, blobError(d, err)
	}
	var regular bool
	f.is, regular, err = identify(f.File)
	switch {
	case err != nil:
		err = storage.DiskError(err)
	case !regular:
		err = storage.NotFound(d, fmt.Errorf("%s is no regular file", f.Name()))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s *Store) stream(f *openFile, offset, length int64, now time.Time) (io.ReadCloser, error) {
	n, err := storage.Span(f.is.size, offset, length)
	if err != nil {
		return nil, err
	}
	if offset > 0 || f.moved {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, storage.DiskError(err)
		}
	}
	if n == f.is.size && !s.trust.Holds(f.d, f.is, now) {
		held := func() {
			if f.is.still(now) {
				s.trust.Add(f.d, f.is, now)
			}
		}
		return storage.VerifyReader(storage.NewPart(f.File, f.d, n, f.Close), f.d, n, held), nil
	}
	if f.is.size > mostBytes || !f.is.known {
		return storage.NewPart(f.File, f.d, n, f.Close), nil
	}
	return storage.NewPart(f.File, f.d, n, func() error { s.files.give(f); return nil }), nil
}
