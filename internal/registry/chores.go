package registry

import (
	"context"
	"errors"
	"sync"
)

// chores are what others want done before each sweep of Run, so that the sweep finds what they gave up.
type chores struct {
	mu   sync.Mutex
	work []func(context.Context) error
}

// BeforeSweep has work done before each sweep of Run. Its error is logged and ends that round; the next
// round tries again.
func (r *Registry) BeforeSweep(work func(context.Context) error) {
	r.chores.mu.Lock()
	defer r.chores.mu.Unlock()
	r.chores.work = append(r.chores.work, work)
}

func (c *chores) do(ctx context.Context) error {
	c.mu.Lock()
	work := c.work[:len(c.work):len(c.work)]
	c.mu.Unlock()
	var errs []error
	for _, w := range work {
		errs = append(errs, w(ctx))
	}
	return errors.Join(errs...)
}
