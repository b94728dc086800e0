package cache

import (
	"container/list"
	"errors"
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
	var r *storage.Part
	if own, err := openAt(b.f, offset); err == nil {
		r = storage.NewPart(own, b.d, n, func() error { s.release(b); return own.Close() })
	} else { // where a file cannot be opened again it is read, not sent
		r = storage.NewPart(io.NewSectionReader(b.f, offset, n), b.d, n, func() error { s.release(b); return nil })
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

// openAt opens a nameless file once more, at a place.
func openAt(f *os.File, offset int64) (*os.File, error) {
	own, err := storage.Reopen(f)
	if err != nil || offset == 0 {
		return own, err
	}
	if _, err := own.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return own, nil
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
