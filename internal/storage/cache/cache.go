// Package cache keeps copies of the blobs that are read again and again in files of this machine,
// before a store that is far away. What a copy answers is what the store would: blobs never
// change, and bytes are copied only when they hash to their name.
//
// A blob is copied while it is read for the second time within ten minutes, so that who reads
// everything once leaves nothing behind. Those not read for longest go first. The files have
// no names: nothing is left of them after the process, and nobody else can touch them.
package cache

import (
	"container/list"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

const (
	// maxCopies bounds the files held open.
	maxCopies = 1024
	// share is the part of all that one copy may take.
	share = 4
)

// Options are what a cache needs. All of them must be set.
type Options struct {
	Dir  string // on the disk that copies may take
	Size int64  // bytes that they may take
	Now  func() time.Time
	Log  *slog.Logger
}

// Store is a storage.Store before another one.
type Store struct {
	storage.Store // the other one
	o             Options

	asked storage.Trust[struct{}] // which blobs were read whole a short while ago

	mu      sync.Mutex
	copies  map[pack.Digest]*list.Element // of *blob
	recent  list.List                     // the one read last first
	filling map[pack.Digest]*filler
	used    int64 // bytes of copies and of those being made

	hits, misses atomic.Int64
}

// New puts a cache before a store.
func New(behind storage.Store, o Options) *Store {
	return &Store{Store: behind, o: o, copies: make(map[pack.Digest]*list.Element), filling: make(map[pack.Digest]*filler)}
}

// Direct implements the interface that storage.Direct asks for.
func (s *Store) Direct() storage.Store { return s.Store }

// Stats tells how many blobs were opened whole with a copy and without one, and how many bytes copies take.
func (s *Store) Stats() (hits, misses, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits.Load(), s.misses.Load(), s.used
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, storage.Cancelled(err)
	}
	whole := offset == 0 && length < 0
	if b := s.take(d); b != nil {
		if whole {
			s.hits.Add(1)
		}
		return s.read(b, offset, length)
	}
	rc, err := s.Store.Open(ctx, d, offset, length)
	if err != nil || !whole {
		return rc, err
	}
	s.misses.Add(1)
	if now := s.o.Now(); !s.asked.Holds(d, struct{}{}, now) {
		s.asked.Add(d, struct{}{}, now)
		return rc, nil
	}
	return s.fill(ctx, rc, d), nil
}

// Delete implements storage.Store. The copy goes first: it must not be found when the blob is not.
func (s *Store) Delete(ctx context.Context, d pack.Digest) error {
	s.forget(d)
	err := s.Store.Delete(ctx, d)
	s.forget(d) // made meanwhile
	return err
}

// forget drops the copy of a blob, and the one that is being made.
func (s *Store) forget(d pack.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.filling, d)
	if e := s.copies[d]; e != nil {
		s.drop(e)
	}
}

// reserve makes room for a copy of some bytes that f will bring, if it may be brought.
func (s *Store) reserve(f *filler) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filling[f.d] != nil || s.copies[f.d] != nil {
		return false
	}
	for s.recent.Len() > 0 && (s.used+f.size > s.o.Size || s.recent.Len() >= maxCopies) {
		s.drop(s.recent.Back())
	}
	if s.used+f.size > s.o.Size { // others are being made
		return false
	}
	s.used += f.size
	s.filling[f.d] = f
	return true
}

// settle ends a reservation: with a copy, unless the blob was deleted meanwhile, or without.
func (s *Store) settle(f *filler, made bool) (kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept = made && s.filling[f.d] == f
	if s.filling[f.d] == f {
		delete(s.filling, f.d)
	}
	if !kept {
		s.used -= f.size
		return false
	}
	s.copies[f.d] = s.recent.PushFront(&blob{d: f.d, f: f.file, size: f.size, checked: s.o.Now()})
	return true
}
