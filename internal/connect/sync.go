package connect

import (
	"context"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
)

// synced is how one sync ended.
type synced struct {
	state db.ConnectionSync
	// from is the head of the feed when it was asked for: what came later it may or may not have seen.
	from db.Mark
	good bool
}

// sync has Palette sync the connection, follows the run to its end, and keeps how it went. Its error is for a sync that
// could not be had; one that ended badly is none.
func (s *Service) sync(ctx context.Context, c db.Connection) (r synced, err error) {
	if r.from, err = s.cfg.Store.Head(ctx); err != nil {
		return r, err
	}
	r.state = c.Sync
	r.state.Asked = s.cfg.Now()
	if err := s.cfg.Store.PutSync(ctx, c.Name, c.UID, r.state); err != nil {
		return r, err
	}
	got, err := s.cfg.Palette.Run(ctx, palette.Kind(c.Kind), c.UID, s.cfg.Every)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	switch {
	case err != nil:
		r.state.Problem = message(err)
	case got.Unsupported:
		r.state.State, r.state.Problem = string(got.State), "Palette does not sync this entry"
	default:
		r.state.Ended, r.state.State, r.state.Problem = s.cfg.Now(), string(got.State), got.Message
		if r.good = got.State == palette.StateDone; r.good {
			r.state.Good, r.state.Seq = r.state.Ended, r.from.Seq
		} else if r.state.Problem == "" {
			r.state.Problem = "the sync failed, and Palette does not say why"
		}
	}
	if kept := s.cfg.Store.PutSync(ctx, c.Name, c.UID, r.state); kept != nil {
		return r, kept
	}
	return r, err
}

// Sync has Palette sync the connection now, and looks at what it shows, for a while if that is not all. The context
// bounds it. A sync that ended badly is an error of KindUnavailable, code palette_sync_failed.
func (s *Service) Sync(ctx context.Context, name string) (*Status, error) {
	c, err := s.Connection(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := s.ours(c); err != nil {
		return nil, err
	}
	if c.UID == "" {
		return nil, pack.Errorf(pack.KindConflict, "connection_unfinished", "the entry %s was not made yet; connect it again", name)
	}
	r, err := s.sync(ctx, *c)
	if err != nil {
		return nil, err
	}
	l := newLooker(s, *c)
	l.after(r)
	for try := 0; ; try++ {
		if err := l.look(ctx, nil); err != nil {
			return nil, err
		}
		if !l.fresh() || try == freshLooks {
			break
		}
		if err := pause(ctx, s.cfg.Every); err != nil {
			return nil, err
		}
	}
	if !r.good {
		return nil, pack.Errorf(pack.KindUnavailable, "palette_sync_failed", "the sync of %s did not end well: %s", name, r.state.Problem)
	}
	if c, err = s.Connection(ctx, name); err != nil {
		return nil, err
	}
	return s.status(ctx, *c)
}

// freshLooks is how often a pack that is not shown right after a sync is looked for again at once.
const freshLooks = 3
