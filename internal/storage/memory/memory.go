// Package memory is a blob store in the memory of one process, for the setting
// `storage: inmemory` and for trying things out. Nothing survives the process.
package memory

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Store keeps blobs in a map. It takes as much memory as its blobs have bytes.
type Store struct {
	mu    sync.RWMutex
	blobs map[pack.Digest]blob
}

// blob is content that is never changed once it is in the map.
type blob struct {
	data []byte
	mod  time.Time
}

// New makes an empty store.
func New() *Store { return &Store{blobs: map[pack.Digest]blob{}} }

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, d pack.Digest, src storage.Source) error {
	if err := storage.CheckDigest(d); err != nil {
		return err
	}
	buf := bytes.NewBuffer(make([]byte, 0, max(0, src.Size())))
	if err := storage.CopyVerified(ctx, buf, d, src); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.blobs[d]; !ok || len(old.data) != buf.Len() {
		s.blobs[d] = blob{data: buf.Bytes(), mod: time.Now()}
	}
	return nil
}

func (s *Store) get(ctx context.Context, d pack.Digest) (blob, error) {
	if err := storage.CheckDigest(d); err != nil {
		return blob{}, err
	}
	if err := ctx.Err(); err != nil {
		return blob{}, storage.Cancelled(err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.blobs[d]
	if !ok {
		return blob{}, storage.NotFound(d, nil)
	}
	return b, nil
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	b, err := s.get(ctx, d)
	if err != nil {
		return nil, err
	}
	size := int64(len(b.data))
	n, err := storage.Span(size, offset, length)
	if err != nil {
		return nil, err
	}
	part := &reader{Reader: bytes.NewReader(b.data[offset : offset+n])}
	if n == size {
		return storage.VerifyReader(part, d, size), nil
	}
	return part, nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, d pack.Digest) (storage.Info, error) {
	b, err := s.get(ctx, d)
	if err != nil {
		return storage.Info{}, err
	}
	return storage.Info{Digest: d, Size: int64(len(b.data)), ModTime: b.mod}, nil
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, d pack.Digest) error {
	if err := storage.CheckDigest(d); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, d)
	return nil
}

// Walk implements storage.Store. It walks the blobs of the moment it is called.
func (s *Store) Walk(ctx context.Context, fn func(storage.Info) error) error {
	s.mu.RLock()
	infos := make([]storage.Info, 0, len(s.blobs))
	for d, b := range s.blobs {
		infos = append(infos, storage.Info{Digest: d, Size: int64(len(b.data)), ModTime: b.mod})
	}
	s.mu.RUnlock()
	for _, info := range infos {
		if err := ctx.Err(); err != nil {
			return storage.Cancelled(err)
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	return nil
}

// Check implements storage.Store. Memory is always there.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	return nil
}

// Tidy implements storage.Store. A crash leaves nothing behind in memory.
func (s *Store) Tidy(ctx context.Context, _ time.Time) (int, error) {
	return 0, s.Check(ctx)
}

// reader is a bytes.Reader that ends when it is closed.
type reader struct {
	*bytes.Reader
	closed bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, io.ErrClosedPipe
	}
	return r.Reader.Read(p)
}

func (r *reader) Close() error {
	r.closed = true
	return nil
}
