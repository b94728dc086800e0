package palette

import (
	"context"
	"sync"
	"time"
)

// requestsPerSecond is what Palette lets through from one address (contract 4, documented: about 10
// a second, with a queue of 5 behind).
const requestsPerSecond = 10

// pace spaces requests evenly; there are no bursts.
type pace struct {
	gap   time.Duration
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu   sync.Mutex
	next time.Time // when the next request may go
}

// wait returns when a request may go. Each call gets a place of its own.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(p.gap)
	p.mu.Unlock()
	if d := at.Sub(now); d > 0 {
		return p.sleep(ctx, d)
	}
	return ctx.Err()
}
