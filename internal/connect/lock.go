package connect

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"time"

	"packregistry/internal/pack"
)

const (
	// lockTTL is how long a replica that died without a word keeps others waiting.
	lockTTL = 10 * time.Second
	// lockTry is the pause of one who waits for a lock.
	lockTry = 2 * time.Second
	// lockAsk bounds one question to the database.
	lockAsk = 5 * time.Second
)

// holderName names this process among those that want a lock.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])
}

// underLock waits for the lock, and runs fn with a context that ends when the lock is lost. It returns fn's error, or the
// context's when that ends first.
func (s *Service) underLock(ctx context.Context, name string, fn func(context.Context) error) error {
	holder := holderName()
	for {
		got, err := s.try(ctx, name, holder)
		if got {
			break
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.DebugContext(ctx, "a lock cannot be asked for", "lock", name, "error", err)
		}
		if err := pause(ctx, lockTry); err != nil {
			return err
		}
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockAsk)
		defer cancel()
		if err := s.cfg.Store.Unlock(end, name, holder); err != nil {
			s.cfg.Log.WarnContext(end, "a lock was not given back; it ends by itself", "lock", name, "error", err)
		}
	}()
	held, lost := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { s.keep(held, name, holder, lost) })
	// It ends before the lock is given back: it would take it again.
	defer func() { lost(nil); keeping.Wait() }()
	err := fn(held)
	if ctx.Err() == nil && held.Err() != nil {
		return context.Cause(held)
	}
	return err
}

func (s *Service) try(ctx context.Context, name, holder string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lockAsk)
	defer cancel()
	return s.cfg.Store.TryLock(ctx, name, holder, lockTTL)
}

// keep renews the lock until ctx ends, and says when it is lost: another has it, or it cannot be known any more that none has.
func (s *Service) keep(ctx context.Context, name, holder string, lost context.CancelCauseFunc) {
	gone := pack.Errorf(pack.KindUnavailable, "lock_lost", "another process has taken over")
	until := time.Now().Add(lockTTL)
	for pause(ctx, lockTTL/3) == nil {
		asked := time.Now()
		got, err := s.try(ctx, name, holder)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !got, err != nil && time.Now().After(until):
			lost(gone)
			return
		case err == nil:
			until = asked.Add(lockTTL)
		}
	}
}

// pause waits, and returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
