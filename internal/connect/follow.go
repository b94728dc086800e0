package connect

import (
	"context"
	"errors"
	"sync"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// leaderLock elects the replica that does the work.
const leaderLock = "palette"

const (
	// refreshEvery is how often connections are read anew though nothing told of one.
	refreshEvery = 5 * time.Second
	// ensureEvery is how often an entry that was made at start is looked at again.
	ensureEvery = 6 * time.Hour
	backoffMost = 5 * time.Minute
)

// Follow keeps all connections to its Palette in sync until ctx ends, while this replica is the one that does, and makes
// the entry of the target (nil: none) first. What goes wrong is logged, kept with the connection and tried again.
func (s *Service) Follow(ctx context.Context, t *Target) {
	for ctx.Err() == nil {
		err := s.underLock(ctx, leaderLock, func(ctx context.Context) error {
			s.cfg.Log.InfoContext(ctx, "this replica keeps Palette in sync", "palette", s.cfg.Palette.URL())
			return s.lead(ctx, t)
		})
		if ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "this replica no longer keeps Palette in sync", "error", err)
			_ = pause(ctx, lockTry) // ends with ctx, as the loop does
		}
	}
}

// lead does the work until ctx ends.
func (s *Service) lead(ctx context.Context, t *Target) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	gone := make(chan struct{}, 1)
	if t != nil {
		all.Go(func() { s.ensuring(ctx, *t, gone) })
	}
	moved := s.cfg.Store.Watch(ctx)
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	running := map[string]*follower{} // by name and UID
	for {
		if err := s.refresh(ctx, running, gone, &all); err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "the connections to Palette cannot be read", "error", err)
		}
		for _, f := range running {
			f.wake()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, open := <-moved:
			if !open {
				return ctx.Err()
			}
		case <-tick.C:
		}
	}
}

// refresh starts and stops followers, so that each connection has one.
func (s *Service) refresh(ctx context.Context, running map[string]*follower, gone chan<- struct{}, all *sync.WaitGroup) error {
	list, err := s.cfg.Store.Connections(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, c := range list {
		if c.UID == "" || s.ours(&c) != nil {
			continue
		}
		key := c.Name + " " + c.UID
		there[key] = true
		if f := running[key]; f != nil && !f.ended.Load() {
			continue
		}
		f := &follower{s: s, name: c.Name, uid: c.UID, kick: make(chan struct{}, 1), gone: gone, looks: newLooker(s, c)}
		following, stop := context.WithCancel(ctx)
		f.stop = stop
		running[key] = f
		all.Go(func() {
			defer f.ended.Store(true)
			f.run(following)
		})
	}
	for key, f := range running {
		if !there[key] {
			f.stop()
			delete(running, key)
		}
	}
	return nil
}

// ensuring makes the entry, retries with growing pauses, and looks at it again now and then, and when it is told that
// the entry is gone or refused.
func (s *Service) ensuring(ctx context.Context, t Target, gone <-chan struct{}) {
	wait, last := lookFirst, ""
	for {
		e, err := s.Ensure(ctx, t)
		next := ensureEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			next = wait
			wait = min(wait*2, backoffMost)
			// The same again and again is told once.
			if m := message(err); m != last {
				last = m
				s.cfg.Log.WarnContext(ctx, "the entry in Palette could not be made; it is tried again", "entry", t.Name, "error", err)
			}
		default:
			wait, last = lookFirst, ""
			s.cfg.Log.InfoContext(ctx, "the entry in Palette is as configured", "entry", t.Name, "outcome", string(e.Action))
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-gone:
			timer.Stop()
			if err := pause(ctx, lookFirst); err != nil {
				return
			}
		case <-timer.C:
		}
	}
}

// isGone is for an entry that is no longer there.
func isGone(err error) bool { return pack.IsKind(err, pack.KindNotFound) }

// errOther ends a follower whose connection is another one by now.
var errOther = errors.New("the connection was changed")

// current reads the follower's connection anew.
func (f *follower) current(ctx context.Context) (db.Connection, error) {
	c, err := f.s.connection(ctx, f.name)
	switch {
	case err != nil:
		return db.Connection{}, err
	case c == nil || c.UID != f.uid:
		return db.Connection{}, errOther
	}
	return *c, nil
}
