package oci_test

import (
	"context"
	"sync"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// faultyDB is a real database whose writes fail on demand, in both ways: nothing happened, or it happened and said it did not.
type faultyDB struct {
	db.DB

	mu     sync.Mutex
	op     string
	done   bool
	before map[string]func()
}

var errInjected = &pack.Error{Kind: pack.KindUnavailable, Message: "injected"}

func (f *faultyDB) fail(op string, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op, f.done = op, done
}

// hook runs once before the next call of an operation.
func (f *faultyDB) hook(op string, run func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = map[string]func(){op: run}
}

func (f *faultyDB) do(op string, call func() error) error {
	f.mu.Lock()
	hit, done, before := f.op == op, f.done, f.before[op]
	if hit {
		f.op = ""
	}
	delete(f.before, op)
	f.mu.Unlock()
	if before != nil {
		before()
	}
	if hit && !done {
		return errInjected
	}
	if err := call(); err != nil {
		return err
	}
	if hit {
		return errInjected
	}
	return nil
}

func (f *faultyDB) Lease(ctx context.Context, ds []pack.Digest, ttl time.Duration) (id db.LeaseID, err error) {
	err = f.do("Lease", func() (err error) { id, err = f.DB.Lease(ctx, ds, ttl); return err })
	return id, err
}

func (f *faultyDB) Extend(ctx context.Context, id db.LeaseID, ds []pack.Digest, ttl time.Duration) error {
	return f.do("Extend", func() error { return f.DB.Extend(ctx, id, ds, ttl) })
}

func (f *faultyDB) Publish(ctx context.Context, p db.Publication) (v *pack.Version, o db.Outcome, err error) {
	err = f.do("Publish", func() (err error) { v, o, err = f.DB.Publish(ctx, p); return err })
	return v, o, err
}

func (f *faultyDB) PutOCIBlob(ctx context.Context, repo string, l db.OCILink, lease db.LeaseID) error {
	return f.do("PutOCIBlob", func() error { return f.DB.PutOCIBlob(ctx, repo, l, lease) })
}

func (f *faultyDB) PutOCIManifest(ctx context.Context, repo string, m db.OCIManifest, tags []string, lease db.LeaseID) error {
	return f.do("PutOCIManifest", func() error { return f.DB.PutOCIManifest(ctx, repo, m, tags, lease) })
}

func (f *faultyDB) PutOCIUpload(ctx context.Context, u db.OCIUpload, expected int64) error {
	return f.do("PutOCIUpload", func() error { return f.DB.PutOCIUpload(ctx, u, expected) })
}

func (f *faultyDB) DeleteOCIUpload(ctx context.Context, id string) error {
	return f.do("DeleteOCIUpload", func() error { return f.DB.DeleteOCIUpload(ctx, id) })
}

func (f *faultyDB) FirstPackManifest(ctx context.Context, rev int64, m db.OCIManifest, lease db.LeaseID) (pm *db.PackManifest, err error) {
	err = f.do("FirstPackManifest", func() (err error) { pm, err = f.DB.FirstPackManifest(ctx, rev, m, lease); return err })
	return pm, err
}

func (f *faultyDB) SetPackManifest(ctx context.Context, rev int64, m db.OCIManifest, lease db.LeaseID) error {
	return f.do("SetPackManifest", func() error { return f.DB.SetPackManifest(ctx, rev, m, lease) })
}
