package dbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func sweepTests() []test {
	return []test{{"no version without its blob, while sweeps and publishes share blobs", sweepRace}}
}

// shelf stands for the blob store.
type shelf struct {
	mu    sync.Mutex
	blobs map[pack.Digest]bool
}

func (s *shelf) put(d pack.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[d] = true
}

func (s *shelf) remove(d pack.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, d)
}

func (s *shelf) all() []pack.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []pack.Digest
	for d := range s.blobs {
		out = append(out, d)
	}
	return out
}

func (s *shelf) has(d pack.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blobs[d]
}

func sweepRace(t *testing.T, env Env) {
	const writers, rounds, contents = 6, 15, 3
	store := &shelf{blobs: make(map[pack.Digest]bool)}
	sweeps := sweeping(t, env, store)
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		for round := 0; sweeps.goOn(round, rounds); round++ {
			p := publication("default", fmt.Sprint("writer-", i), "1.0.0", fmt.Sprint("shared ", (i+round)%contents))
			p.Version.TarGzStored = true
			errs[i] = errors.Join(errs[i], publishToShelf(t.Context(), d, store, p))
		}
	})
	sweeps.stop()
	ok(t, errors.Join(errs...))
}

// publishToShelf does what the core does: lease, put, publish; then it looks, and deletes.
func publishToShelf(ctx context.Context, d db.DB, store *shelf, p db.Publication) error {
	lease, err := d.Lease(ctx, digests(p), ttl)
	if err != nil {
		return err
	}
	for _, blob := range digests(p) {
		store.put(blob)
	}
	time.Sleep(time.Millisecond)
	p.Lease = lease
	if _, _, err := d.Publish(ctx, p); err != nil {
		return err
	}
	time.Sleep(3 * time.Millisecond)
	for _, blob := range digests(p) {
		if !store.has(blob) {
			return fmt.Errorf("%s %s is published and its blob is gone", p.Version.Name, p.Version.Version)
		}
	}
	return d.DeleteVersion(ctx, p.Version.Namespace, p.Version.Name, p.Version.Version, "", "bob")
}
