package local

import (
	"errors"
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
			return storage.VerifyReader(&part{f: f, d: d, left: n}, d, n, held), nil
		}
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, storage.DiskError(err)
		}
	}
	return &part{f: f, d: d, left: n}, nil
}

// part reads left bytes from the file's place on. A file that ends sooner has
// been cut meanwhile.
type part struct {
	f    *os.File
	d    pack.Digest
	left int64
}

func (p *part) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.f.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, p.error(err)
}

// WriteTo hands the file itself to w, so that a TCP connection can use sendfile.
func (p *part) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, &io.LimitedReader{R: p.f, N: p.left})
	p.left -= n
	if err == nil && p.left > 0 {
		err = p.error(io.EOF)
	}
	return n, err
}

// Settled marks a storage.Settled.
func (p *part) Settled() {}

func (p *part) error(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && p.left == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		return storage.Corrupt(p.d, fmt.Errorf("%d bytes are missing at its end", p.left))
	}
	return storage.DiskError(err)
}

func (p *part) Close() error { return storage.DiskError(p.f.Close()) }
