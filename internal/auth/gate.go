package auth

import (
	"context"
	"time"

	"packregistry/internal/pack"
)

const (
	// maxQueue is how many may wait for a place to hash, beyond those hashing.
	maxQueue = 64
	// maxWait bounds the waiting of a caller without a deadline.
	maxWait = 10 * time.Second
)

// gate bounds how many bcrypt comparisons run and how many wait to, so that wrong
// passwords cannot take all CPUs or pile up goroutines.
type gate struct {
	places  chan struct{}
	waiting chan struct{}
}

func newGate(n int) *gate {
	return &gate{places: make(chan struct{}, n), waiting: make(chan struct{}, n+maxQueue)}
}

// enter waits for a place. leave must be called after a nil error.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.waiting <- struct{}{}:
	default:
		return tooManyLogins()
	}
	t := time.NewTimer(maxWait)
	defer t.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-g.waiting
		return ctx.Err()
	case <-t.C:
		<-g.waiting
		return tooManyLogins()
	}
}

func (g *gate) leave() {
	<-g.places
	<-g.waiting
}

func tooManyLogins() error {
	return &pack.Error{
		Kind: pack.KindBusy, Code: "too_many_logins", RetryAfter: time.Second,
		Message: "too many logins at once; try again in a moment",
	}
}
