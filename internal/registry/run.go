package registry

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"packregistry/internal/db"
)

// Run wakes waiting readers, writes how far consumers have read, and sweeps each SweepInterval, until ctx ends; then
// readers that wait are answered. It is called at most once. It returns nil:
// what goes wrong meanwhile is logged and tried again.
func (r *Registry) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { r.watch(ctx); return nil })
	g.Go(func() error { r.flushNowAndThen(ctx); return nil })
	if r.cfg.SweepInterval > 0 {
		g.Go(func() error { r.sweepNowAndThen(ctx); return nil })
	}
	return g.Wait()
}

// watch rings the bell for each notification. While none can be relied on, it
// looks at the head itself each second, once for all readers.
func (r *Registry) watch(ctx context.Context) {
	moved := r.cfg.DB.Watch(ctx)
	r.heads.setWatched(true)
	r.bell.ring() // readers that poll by themselves need not any more
	defer func() {
		r.closing.Store(true)
		r.heads.setWatched(false)
		r.bell.ring()
	}()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var last db.Mark
	for sinceLook := 0; ; {
		select {
		case _, ok := <-moved:
			if !ok {
				return
			}
			r.moved()
		case <-tick.C:
			// A live feed is looked at too, now and then, for a connection that is
			// dead without a sign.
			if sinceLook++; r.cfg.DB.Live() && sinceLook < lookEvery {
				continue
			}
			sinceLook = 0
			if head, _, err := r.head(ctx); err == nil && head != last {
				last = head
				r.bell.ring()
			}
		case <-ctx.Done():
			return
		}
	}
}

// lookEvery is the number of ticks between two looks at the head of a live feed.
const lookEvery = 10

func (r *Registry) sweepNowAndThen(ctx context.Context) {
	// Replicas that start together shall not sweep together.
	wait := rand.N(r.cfg.SweepInterval) + 1
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = r.cfg.SweepInterval
		if err := r.housekeep(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "the sweep did not end; it is tried again later", "error", err)
		}
	}
}

func (r *Registry) housekeep(ctx context.Context) error {
	if r.cfg.Retention > 0 {
		n, err := r.cfg.DB.PruneRevisions(ctx, r.cfg.Now().Add(-r.cfg.Retention))
		if err != nil {
			return err
		}
		if n > 0 {
			r.cfg.Log.InfoContext(ctx, "overwritten revisions were forgotten", "revisions", n)
		}
	}
	if err := r.chores.do(ctx); err != nil {
		return err
	}
	report, err := r.Sweep(ctx, false)
	if len(report.Removed) > 0 || report.Temporary > 0 {
		r.cfg.Log.InfoContext(ctx, "sweep", "examined", report.Examined, "removed", len(report.Removed),
			"freedBytes", report.Freed, "temporary", report.Temporary)
	}
	return err
}
