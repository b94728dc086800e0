package storage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"packregistry/internal/pack"
)

// Part is a stream that verifies nothing: a Settled one over bytes of a blob in a file. A file that ends
// sooner has been cut meanwhile.
type Part struct {
	r     io.Reader
	d     pack.Digest
	left  int64
	close func() error // nil once it was called
}

// NewPart is left bytes from r's place on. An *os.File can be sent by the kernel. Close calls what is given, once.
func NewPart(r io.Reader, d pack.Digest, left int64, closeAll func() error) *Part {
	return &Part{r: r, d: d, left: left, close: closeAll}
}

// Read is io.Reader.
func (p *Part) Read(b []byte) (int, error) {
	switch {
	case p.close == nil:
		return 0, os.ErrClosed
	case p.left == 0:
		return 0, io.EOF
	}
	n, err := p.r.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, p.told(err)
}

// WriteTo hands the file itself to w, so that a TCP connection can use sendfile.
func (p *Part) WriteTo(w io.Writer) (int64, error) {
	if p.close == nil {
		return 0, os.ErrClosed
	}
	n, err := io.Copy(w, &io.LimitedReader{R: p.r, N: p.left})
	p.left -= n
	if err == nil && p.left > 0 {
		err = p.told(io.EOF)
	}
	return n, err
}

// Settled marks a Settled.
func (p *Part) Settled() {}

// told is the error of a read as a store tells it.
func (p *Part) told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && p.left == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		return Corrupt(p.d, fmt.Errorf("%d bytes are missing at its end", p.left))
	}
	return DiskError(err)
}

// Close is io.Closer.
func (p *Part) Close() error {
	if p.close == nil {
		return nil
	}
	closeAll := p.close
	p.close = nil
	return DiskError(closeAll())
}
