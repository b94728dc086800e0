package connect

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/palette"
)

const (
	// quiet is how long nothing must change before a sync is asked for, and quietMost how long that is waited for.
	quiet     = 250 * time.Millisecond
	quietMost = 2 * time.Second
	// retryMost is the longest pause after a sync that did not end well.
	retryMost = 30 * time.Second
	// runMost bounds a sync of which Palette does not say since when it runs.
	runMost = 3 * time.Hour
	// idleLook is how often the status is read while nothing changes: Palette syncs by itself, too.
	idleLook = 15 * time.Minute
	// runningLook is the same while Palette syncs by itself.
	runningLook = time.Minute
	// staleAfter is when a sync is asked for though nothing changed; Palette does so by itself every 24 hours (contract
	// 3.6), and at warnAfter something is wrong.
	staleAfter = 25 * time.Hour
	warnAfter  = 26 * time.Hour
	warnEvery  = 24 * time.Hour
	// aheadMost is how far Palette's clock may be ahead of this one.
	aheadMost = time.Hour
)

// follower keeps one connection in sync.
type follower struct {
	s         *Service
	name, uid string
	kick      chan struct{}
	gone      chan<- struct{}
	stop      context.CancelFunc
	looks     *looker
	ended     atomic.Bool

	synced    bool // by this follower: what came before it is proved by its own syncs only
	failures  int
	notBefore time.Time // no sync is asked for until then
	checked   int64     // head up to which nothing is to be synced
	idle      time.Time // when the status was read last
	warned    time.Time
	told      string // the problem that was logged last
}

// wake says that something may have changed. It never blocks.
func (f *follower) wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

func (f *follower) run(ctx context.Context) {
	for {
		wait, err := f.step(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, errOther):
			return
		case err != nil:
			f.tell(ctx, err)
			wait = f.backoff()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-f.kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// tell logs a problem once, until another comes or it is over.
func (f *follower) tell(ctx context.Context, err error) {
	if m := message(err); m != f.told {
		f.told = m
		f.s.cfg.Log.WarnContext(ctx, "Palette is not in sync; it is tried again", "entry", f.name, "error", err)
	}
}

// backoff is the pause after a failure.
func (f *follower) backoff() time.Duration {
	f.failures++
	wait := min(f.s.cfg.Retry<<min(f.failures-1, 10), retryMost)
	wait = wait/2 + rand.N(wait/2)
	f.notBefore = f.s.cfg.Now().Add(wait)
	return wait
}

// step does what there is to do now, and tells when there may be something again.
func (f *follower) step(ctx context.Context) (time.Duration, error) {
	now := f.s.cfg.Now()
	if now.Before(f.notBefore) {
		return f.notBefore.Sub(now), nil
	}
	c, err := f.current(ctx)
	if err != nil {
		return 0, err
	}
	f.warn(ctx, c, now)
	due, err := f.due(ctx, c, now)
	switch {
	case err != nil:
		return 0, err
	case due:
		if err := f.sync(ctx, c); err != nil {
			return 0, err
		}
	case now.Sub(f.idle) >= idleLook:
		if err := f.readStatus(ctx, c, now); err != nil {
			return 0, err
		}
	}
	moved := false
	err = f.looks.look(ctx, func() bool { moved = f.moved(ctx); return moved })
	if err != nil || moved {
		return 0, err
	}
	wait := max(idleLook-f.s.cfg.Now().Sub(f.idle), time.Second)
	if at, any := f.looks.next(); any {
		wait = min(wait, max(at.Sub(f.s.cfg.Now()), 0))
	}
	return wait, nil
}

// moved reports whether something was published since the last sync: that goes before looking for what was.
func (f *follower) moved(ctx context.Context) bool {
	select {
	case <-f.kick:
	default:
		return false
	}
	head, err := f.s.cfg.Store.Head(ctx)
	return err == nil && head.Seq > max(f.looks.sync.from.Seq, f.checked)
}

// due reports whether a sync has to be asked for.
func (f *follower) due(ctx context.Context, c db.Connection, now time.Time) (bool, error) {
	if !f.synced || f.failures > 0 || now.Sub(c.Sync.Good) >= staleAfter {
		return true, nil
	}
	head, err := f.s.cfg.Store.Head(ctx)
	if head.Seq < c.Sync.Seq { // the catalogue was restored from a backup
		return err == nil, err
	}
	if err != nil || head.Seq <= max(c.Sync.Seq, f.checked) {
		return false, err
	}
	st, err := f.s.cfg.Store.Standing(ctx, c.Name)
	if err == nil && st.Changes == 0 {
		f.checked = head.Seq // what changed is of other namespaces
	}
	return st.Changes > 0, err
}

// sync waits until it is quiet, and has Palette sync.
func (f *follower) sync(ctx context.Context, c db.Connection) error {
	if err := f.settle(ctx); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, runMost)
	defer cancel()
	r, err := f.s.sync(bounded, c)
	if err != nil {
		if isGone(err) {
			f.reportGone()
		}
		return err
	}
	f.looks.after(r)
	f.idle = f.s.cfg.Now()
	if !r.good {
		if refused(palette.SyncStatus{State: palette.State(r.state.State), Message: r.state.Problem}) {
			f.reportGone()
		}
		// What was shown before it broke off counts none the less.
		if err := f.looks.look(ctx, nil); err != nil {
			return err
		}
		return errors.New(r.state.Problem)
	}
	f.synced, f.failures, f.notBefore = true, 0, time.Time{}
	if f.told != "" {
		f.told = ""
		f.s.cfg.Log.InfoContext(ctx, "Palette is in sync again", "entry", f.name)
	}
	return nil
}

// settle waits until nothing has changed for a moment: packs come in batches.
func (f *follower) settle(ctx context.Context) error {
	most := time.NewTimer(quietMost)
	defer most.Stop()
	for {
		calm := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			calm.Stop()
			return ctx.Err()
		case <-f.kick:
			calm.Stop()
		case <-calm.C:
			return nil
		case <-most.C:
			calm.Stop()
			return nil
		}
	}
}

// readStatus takes notice of the syncs that Palette makes by itself.
func (f *follower) readStatus(ctx context.Context, c db.Connection, now time.Time) error {
	st, err := f.s.cfg.Palette.SyncStatus(ctx, palette.Kind(c.Kind), c.UID)
	if err != nil {
		if isGone(err) {
			f.reportGone()
		}
		return err
	}
	f.idle = now
	if st.State == palette.StateRunning {
		f.idle = now.Add(runningLook - idleLook)
	}
	// A moment that is far ahead, of a wrong clock there, would keep silent for as long what warn and the metrics have to tell.
	if st.State == palette.StateDone && st.LastSynced.After(c.Sync.Good) && st.LastSynced.Before(now.Add(aheadMost)) {
		c.Sync.Good, c.Sync.Ended, c.Sync.State, c.Sync.Problem = st.LastSynced, st.LastSynced, string(st.State), st.Message
		return f.s.cfg.Store.PutSync(ctx, c.Name, c.UID, c.Sync)
	}
	return nil
}

func (f *follower) reportGone() {
	select {
	case f.gone <- struct{}{}:
	default:
	}
}

// warn tells of a connection that has not synced for longer than Palette ever waits.
func (f *follower) warn(ctx context.Context, c db.Connection, now time.Time) {
	last := c.Sync.Good
	if last.IsZero() {
		last = c.CreatedAt
	}
	if now.Sub(last) < warnAfter || now.Sub(f.warned) < warnEvery {
		return
	}
	f.warned = now
	f.s.cfg.Log.WarnContext(ctx, "Palette has not synced this registry for more than 26 hours", "entry", c.Name, "palette", c.Palette, "lastGood", c.Sync.Good, "problem", c.Sync.Problem)
}
