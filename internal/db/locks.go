package db

import (
	"context"
	"time"
)

// Locks elect one among replicas, for as long as it says so. A lock is a promise and no fence: who was stopped for
// longer than its time may still believe that it holds it, so what is done under a lock must be harmless done twice.
// Time is the database's where it has a clock of its own, so that the clocks of replicas may differ.
type Locks interface {
	// TryLock takes the lock, or renews it when the holder has it, until ttl from now, and reports whether the holder has
	// it now. It never waits. Of several who ask at once exactly one gets it.
	TryLock(ctx context.Context, name, holder string, ttl time.Duration) (bool, error)
	// Unlock gives it back, when the holder has it.
	Unlock(ctx context.Context, name, holder string) error
	// LockHolder is who has it; "" nobody.
	LockHolder(ctx context.Context, name string) (string, error)
}
