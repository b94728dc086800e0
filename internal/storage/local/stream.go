package local

import (
	"fmt"
	"io"
	"os"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

func (s *Store) stream(f *os.File, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	file, regular, err := identify(f)
	if err != nil {
		return nil, storage.DiskError(err)
	}
	if !regular {
		return nil, storage.NotFound(d, fmt.Errorf("%s is no regular file", f.Name()))
	}
	n, err := storage.Span(file.size, offset, length)
	if err != nil {
		return nil, err
	}
	if n == file.size {
		if now := s.now(); !s.trust.Holds(d, file, now) {
			held := func() {
				if file.still(now) {
					s.trust.Add(d, file, now)
				}
			}
			return storage.VerifyReader(storage.NewPart(f, d, n, f.Close), d, n, held), nil
		}
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, storage.DiskError(err)
		}
	}
	return storage.NewPart(f, d, n, f.Close), nil
}
