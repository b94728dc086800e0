package registry

import (
	"context"
	"errors"
	"sync"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// PartState is the state of one part for readiness.
type PartState struct {
	Name   string `json:"name"` // database, schema, storage, spool
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // for people; no secrets, no internal text
}

// readyTimeout is how long one part may take to answer.
const readyTimeout = 2 * time.Second

const probeCount = 4

// probe lets at most one check of a part run, whose answer all get who ask
// meanwhile: a part that hangs and does not heed its context (a dead network disk)
// must not gather goroutines.
type probe struct {
	mu      sync.Mutex
	running *answer
}

type answer struct {
	done chan struct{}
	err  error // once done is closed
}

// ask gives the part's answer, or the context's error when none comes in time.
func (p *probe) ask(ctx context.Context, check func(context.Context) error) error {
	a := p.start(ctx, check)
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *probe) start(ctx context.Context, check func(context.Context) error) *answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		a := &answer{done: make(chan struct{})}
		p.running = a
		// Who asked first may go, and others wait for the same answer.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		go func() {
			defer cancel()
			a.err = check(bounded)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.running = nil
			close(a.done)
		}()
	}
	return p.running
}

// Ready asks each part, all at once, whether it can work now. It always answers
// within a little more than readyTimeout.
func (r *Registry) Ready(ctx context.Context) []PartState {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	parts := [probeCount]struct {
		name  string
		check func(context.Context) error
	}{
		{"database", r.cfg.DB.Ping},
		{"schema", r.checkSchema},
		{"storage", r.cfg.Store.Check},
		{"spool", r.checkSpool},
	}
	states := make([]PartState, probeCount)
	var asked sync.WaitGroup
	for i, p := range parts {
		asked.Go(func() {
			err := r.probes[i].ask(ctx, p.check)
			states[i] = PartState{Name: p.name, OK: err == nil, Detail: detail(err)}
			if err != nil {
				r.cfg.Log.WarnContext(ctx, "a part is not ready", "part", p.name, "error", err)
			}
		})
	}
	asked.Wait()
	return states
}

// detail is what may be told of an error.
func detail(err error) string {
	var e *pack.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && e.Message != "":
		return e.Message
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "no answer in time"
	}
	return "it does not work; the server's log says more"
}

// checkSchema allows a newer schema: while replicas are upgraded one by one, the first of the new release
// migrates, and each step leaves the schema usable by the release before it (package migrations). To call the old ones
// not ready would take all of them from the load balancer at once.
func (r *Registry) checkSchema(ctx context.Context) error {
	applied, known, err := r.cfg.DB.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if applied < known {
		return pack.Errorf(pack.KindUnavailable, "", "the database has schema %d, this server needs %d", applied, known)
	}
	return nil
}

// checkSpool proves that an upload could be written.
func (r *Registry) checkSpool(context.Context) error {
	spool, err := storage.NewSpool(r.cfg.SpoolDir)
	if err != nil {
		return err
	}
	_, err = spool.Write(make([]byte, 4096))
	return errors.Join(err, spool.Close())
}
