package registry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// faultyDB is a real database whose writes fail on demand, in both ways, and
// which counts reads of the feed.
type faultyDB struct {
	db.DB

	mu     sync.Mutex
	faults map[string]dbFault

	heads, changes atomic.Int64
	dead           atomic.Bool  // says that no notification can be relied on
	applied        atomic.Int64 // the schema, when not 0
}

func (f *faultyDB) SchemaVersion(ctx context.Context) (applied, known int, err error) {
	applied, known, err = f.DB.SchemaVersion(ctx)
	if n := f.applied.Load(); n != 0 {
		applied = int(n)
	}
	return applied, known, err
}

// dbFault fails one call of an operation.
type dbFault struct {
	done   bool // it happens and says it did not
	always bool
}

var errInjected = &pack.Error{Kind: pack.KindUnavailable, Message: "injected"}

func (f *faultyDB) fail(op string, fault dbFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		f.faults = map[string]dbFault{}
	}
	f.faults[op] = fault
}

func (f *faultyDB) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

func (f *faultyDB) do(op string, call func() error) error {
	f.mu.Lock()
	fault, hit := f.faults[op]
	if hit && !fault.always {
		delete(f.faults, op)
	}
	f.mu.Unlock()
	if hit && !fault.done {
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
	err = f.do("lease", func() (err error) { id, err = f.DB.Lease(ctx, ds, ttl); return err })
	if err != nil {
		return "", err
	}
	return id, nil
}

func (f *faultyDB) Release(ctx context.Context, id db.LeaseID) error {
	return f.do("release", func() error { return f.DB.Release(ctx, id) })
}

func (f *faultyDB) Publish(ctx context.Context, p db.Publication) (v *pack.Version, o db.Outcome, err error) {
	err = f.do("publish", func() (err error) { v, o, err = f.DB.Publish(ctx, p); return err })
	if err != nil {
		return nil, "", err
	}
	return v, o, nil
}

func (f *faultyDB) SweepBlob(ctx context.Context, d pack.Digest, remove func(context.Context) error) (gone bool, err error) {
	err = f.do("sweep", func() (err error) { gone, err = f.DB.SweepBlob(ctx, d, remove); return err })
	return gone, err
}

func (f *faultyDB) Head(ctx context.Context) (db.Mark, error) {
	f.heads.Add(1)
	return f.DB.Head(ctx)
}

func (f *faultyDB) Changes(ctx context.Context, since db.Mark, namespace string, limit int) ([]pack.Change, db.Mark, error) {
	f.changes.Add(1)
	return f.DB.Changes(ctx, since, namespace, limit)
}

func (f *faultyDB) EachChange(ctx context.Context, since db.Mark, namespace string, limit int, fn func(*pack.Change)) (db.Mark, error) {
	f.changes.Add(1)
	return f.DB.EachChange(ctx, since, namespace, limit, fn)
}

func (f *faultyDB) Live() bool { return !f.dead.Load() && f.DB.Live() }
