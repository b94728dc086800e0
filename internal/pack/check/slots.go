package check

import "context"

// slots bound how many inspections do something at a time.
type slots chan struct{}

// claim is one inspection's right to at most one slot.
type claim struct {
	slots slots
	ctx   context.Context
	taken bool
}

func (s slots) claim(ctx context.Context) *claim { return &claim{slots: s, ctx: ctx} }

// take waits for a slot, unless it is held already. Its error is that of the context.
func (c *claim) take() error {
	if c.taken {
		return nil
	}
	select {
	case c.slots <- struct{}{}:
		c.taken = true
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (c *claim) release() {
	if c.taken {
		c.taken = false
		<-c.slots
	}
}
