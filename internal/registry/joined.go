package registry

import (
	"context"
	"sync"

	"packregistry/internal/db"
)

// headReads is how many looks at the head are asked of the database at once: so that one
// that hangs holds up nobody but those who wait for it.
const headReads = 4

// joined lets requests share a look at the head. A look is shared only by those who asked
// before it began, so that nobody is told of a head older than the question.
type joined struct {
	mu    sync.Mutex
	next  *headLook // that has not begun
	turns chan struct{}
}

type headLook struct {
	done chan struct{}
	mark db.Mark
	err  error
}

// Mark is the newest change, never older than the question, whoever made it.
func (r *Registry) Mark(ctx context.Context) (db.Mark, error) {
	j := &r.looks
	j.mu.Lock()
	look := j.next
	first := look == nil
	if first {
		look = &headLook{done: make(chan struct{})}
		j.next = look
	}
	j.mu.Unlock()
	if first {
		// Not cancelled with the first request: others wait for it too.
		j.look(look, func() (db.Mark, error) { return r.cfg.DB.Head(context.WithoutCancel(ctx)) })
		return look.mark, look.err
	}
	select {
	case <-look.done:
		return look.mark, look.err
	case <-ctx.Done():
		return db.Mark{}, ctx.Err()
	}
}

// look waits for a turn, which takes no longer than a look may, and looks.
func (j *joined) look(look *headLook, read func() (db.Mark, error)) {
	j.turns <- struct{}{}
	defer func() {
		<-j.turns
		close(look.done)
	}()
	j.mu.Lock()
	j.next = nil // who comes now comes too late for this one
	j.mu.Unlock()
	look.mark, look.err = read()
}
