package storagetest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Op names a method of a store, for a Faulty. OpRead is reading from a stream that
// Open gave.
type Op string

// The operations that can fail.
const (
	OpPut    Op = "put"
	OpOpen   Op = "open"
	OpRead   Op = "read"
	OpStat   Op = "stat"
	OpDelete Op = "delete"
	OpWalk   Op = "walk"
	OpCheck  Op = "check"
	OpTidy   Op = "tidy"
)

// Always makes a Fault strike for as long as it is set.
const Always = -1

// ErrInjected is the cause of a Fault's default error.
var ErrInjected = errors.New("injected fault")

// Fault says how calls of one operation fail. The zero Fault fails the next call
// with KindUnavailable, and nothing happens in the store.
type Fault struct {
	// Err is what the caller gets; nil means KindUnavailable around ErrInjected.
	Err error
	// Done makes the call happen in the store before Err is returned: it happened
	// and said it did not. (A call that fails in the store returns that error.)
	Done bool
	// Digest narrows the fault to calls for one blob; "" means any.
	Digest pack.Digest
	// Skip lets so many matching calls pass first.
	Skip int
	// Times is how many calls fail; 0 means one, Always all.
	Times int
	// Bytes is, for OpRead, how many bytes a stream gives before it fails.
	Bytes int64
}

// Hook is called around an operation with its blob, "" where there is none. An
// error of it is returned to the caller.
type Hook func(ctx context.Context, d pack.Digest) error

// Faulty is a Store that passes everything on to another one and fails on demand,
// in both ways: nothing happened, or it happened and said it did not. Hooks run
// around calls, so that a test can stop a writer between two steps or let another
// one in. Safe for concurrent use.
type Faulty struct {
	inner storage.Store

	mu     sync.Mutex
	faults map[Op][]*Fault
	before map[Op]Hook
	after  map[Op]Hook
	calls  map[Op][]pack.Digest
}

// NewFaulty wraps inner. Without faults and hooks it behaves exactly like it.
func NewFaulty(inner storage.Store) *Faulty {
	f := &Faulty{inner: inner}
	f.Reset()
	return f
}

// Fail arms a fault. Several faults of one operation are tried in the order in
// which they were set; the first that matches strikes.
func (f *Faulty) Fail(op Op, fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	if fault.Err == nil {
		fault.Err = storage.Unavailable(ErrInjected, 0)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[op] = append(f.faults[op], &fault)
}

// Before sets the hook that runs before an operation, and instead of it when it
// returns an error. Nil takes it away.
func (f *Faulty) Before(op Op, h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before[op] = h
}

// After sets the hook that runs after an operation that succeeded. Nil takes it
// away.
func (f *Faulty) After(op Op, h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after[op] = h
}

// Calls gives the blobs with which an operation was called, in order, also the
// calls that failed.
func (f *Faulty) Calls(op Op) []pack.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]pack.Digest(nil), f.calls[op]...)
}

// Reset takes away all faults, hooks and recorded calls.
func (f *Faulty) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = map[Op][]*Fault{}
	f.before = map[Op]Hook{}
	f.after = map[Op]Hook{}
	f.calls = map[Op][]pack.Digest{}
}

// strike records a call and returns the fault that hits it, or nil.
func (f *Faulty) strike(op Op, d pack.Digest) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op] = append(f.calls[op], d)
	for _, fault := range f.faults[op] {
		if fault.Digest != "" && fault.Digest != d {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		if fault.Times == 0 {
			continue
		}
		if fault.Times > 0 {
			fault.Times--
		}
		hit := *fault
		return &hit
	}
	return nil
}

func (f *Faulty) hook(hooks *map[Op]Hook, op Op) Hook {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := (*hooks)[op]; h != nil {
		return h
	}
	return func(context.Context, pack.Digest) error { return nil }
}

func (f *Faulty) do(ctx context.Context, op Op, d pack.Digest, call func() error) error {
	fault := f.strike(op, d)
	if err := f.hook(&f.before, op)(ctx, d); err != nil {
		return err
	}
	if fault != nil && !fault.Done {
		return fault.Err
	}
	if err := call(); err != nil {
		return err
	}
	if err := f.hook(&f.after, op)(ctx, d); err != nil {
		return err
	}
	if fault != nil {
		return fault.Err
	}
	return nil
}

// Put implements storage.Store.
func (f *Faulty) Put(ctx context.Context, d pack.Digest, src storage.Source) error {
	return f.do(ctx, OpPut, d, func() error { return f.inner.Put(ctx, d, src) })
}

// Open implements storage.Store. Its streams fail with the faults of OpRead.
func (f *Faulty) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	var rc io.ReadCloser
	err := f.do(ctx, OpOpen, d, func() (err error) {
		rc, err = f.inner.Open(ctx, d, offset, length)
		return err
	})
	if err != nil {
		if rc != nil {
			err = errors.Join(err, rc.Close())
		}
		return nil, err
	}
	if fault := f.strike(OpRead, d); fault != nil {
		return &faultyStream{ReadCloser: rc, left: fault.Bytes, err: fault.Err}, nil
	}
	return rc, nil
}

// Stat implements storage.Store.
func (f *Faulty) Stat(ctx context.Context, d pack.Digest) (storage.Info, error) {
	var info storage.Info
	err := f.do(ctx, OpStat, d, func() (err error) {
		info, err = f.inner.Stat(ctx, d)
		return err
	})
	if err != nil {
		return storage.Info{}, err
	}
	return info, nil
}

// Delete implements storage.Store.
func (f *Faulty) Delete(ctx context.Context, d pack.Digest) error {
	return f.do(ctx, OpDelete, d, func() error { return f.inner.Delete(ctx, d) })
}

// Walk implements storage.Store.
func (f *Faulty) Walk(ctx context.Context, fn func(storage.Info) error) error {
	return f.do(ctx, OpWalk, "", func() error { return f.inner.Walk(ctx, fn) })
}

// Check implements storage.Store.
func (f *Faulty) Check(ctx context.Context) error {
	return f.do(ctx, OpCheck, "", func() error { return f.inner.Check(ctx) })
}

// Tidy implements storage.Store.
func (f *Faulty) Tidy(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := f.do(ctx, OpTidy, "", func() (err error) {
		n, err = f.inner.Tidy(ctx, before)
		return err
	})
	return n, err
}

// faultyStream gives left bytes and then err.
type faultyStream struct {
	io.ReadCloser
	left int64
	err  error
}

func (s *faultyStream) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, s.err
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}
