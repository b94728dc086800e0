package cache

import (
	"container/list"
	"io"
	"os"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// blob is a copy.
type blob struct {
	d    pack.Digest
	f    *os.File // nameless
	size int64

	// What follows is guarded by Store.mu.
	checked time.Time // when it last hashed to its name
	readers int
	dropped bool // whoever reads it last closes it
}

// take finds a copy and holds it for a reader.
func (s *Store) take(d pack.Digest) *blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.copies[d]
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	b := e.Value.(*blob)
	b.readers++
	return b
}

func (s *Store) release(b *blob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.readers--
	b.closeUnused()
}

// drop forgets a copy. Its bytes are free when nobody reads them any more.
func (s *Store) drop(e *list.Element) {
	b := s.recent.Remove(e).(*blob)
	delete(s.copies, b.d)
	s.used -= b.size
	b.dropped = true
	b.closeUnused()
}

func (b *blob) closeUnused() {
	if b.dropped && b.readers == 0 {
		_ = b.f.Close() // it was only read since its bytes were found to hold
	}
}

// read is storage.Store's Open on a copy that was taken.
func (s *Store) read(b *blob, offset, length int64) (io.ReadCloser, error) {
	n, err := storage.Span(b.size, offset, length)
	if err != nil {
		s.release(b)
		return nil, err
	}
	r := &reading{s: s, b: b, left: n}
	if own, err := storage.Reopen(b.f); err == nil {
		if offset > 0 {
			_, err = own.Seek(offset, io.SeekStart)
		}
		if err == nil {
			r.file, r.own = own, own
		} else {
			_ = own.Close()
		}
	}
	if r.own == nil {
		r.file = io.NewSectionReader(b.f, offset, n)
	}
	if n < b.size || s.fresh(b) {
		return r, nil
	}
	// As every store does, what was not hashed for ten minutes is hashed again.
	began := s.o.Now()
	return &aged{ReadCloser: storage.VerifyReader(r, b.d, b.size, func() { s.checked(b, began) }), s: s, b: b}, nil
}

func (s *Store) fresh(b *blob) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := s.o.Now().Sub(b.checked)
	return age >= 0 && age < storage.TrustFor
}

func (s *Store) checked(b *blob, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.checked = at
}

// reading is a copy, or a part of it, on its way out. It is a storage.Settled.
type reading struct {
	s      *Store
	b      *blob
	file   io.Reader
	own    *os.File // file, where it can be sent by the kernel
	left   int64
	closed bool
}

func (r *reading) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, os.ErrClosed
	case r.left == 0:
		return 0, io.EOF
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, r.told(err)
}

// WriteTo implements storage.Settled.
func (r *reading) WriteTo(w io.Writer) (int64, error) {
	if r.closed {
		return 0, os.ErrClosed
	}
	n, err := io.Copy(w, &io.LimitedReader{R: r.file, N: r.left})
	r.left -= n
	if err == nil && r.left > 0 {
		err = r.told(io.EOF)
	}
	return n, err
}

// Settled marks a storage.Settled.
func (r *reading) Settled() {}

// told is the error of a read as a store tells it.
func (r *reading) told(err error) error {
	switch {
	case err == nil:
		return nil
	case err == io.EOF && r.left == 0: //nolint:errorlint // no reader here wraps it
		return io.EOF
	case err == io.EOF: //nolint:errorlint // the same
		return storage.Corrupt(r.b.d, io.ErrUnexpectedEOF)
	}
	return storage.DiskError(err)
}

func (r *reading) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	var err error
	if r.own != nil {
		err = r.own.Close()
	}
	r.s.release(r.b)
	return storage.DiskError(err)
}

// aged is a copy that is hashed again while it is read.
type aged struct {
	io.ReadCloser
	s *Store
	b *blob
}

func (a *aged) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if pack.IsKind(err, pack.KindCorrupt) {
		a.s.forget(a.b.d) // the next reader gets what the store has
	}
	return n, err
}
