package connect

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
)

const (
	// lookMost bounds the versions that are looked for at a time.
	lookMost = 5000
	// lookFirst and lookLast are the pauses between two looks for a pack that Palette does not show, doubled each time.
	lookFirst = time.Second
	lookLast  = time.Hour
	// againMost is how many packs are looked for again after every sync, however often that was in vain.
	againMost = 100
	// valuesMost bounds what is read of a values.yaml to see whether it is empty.
	valuesMost = 64 << 10
)

// looker knows which packs of a connection are to be looked for in Palette, and when.
type looker struct {
	s *Service
	c db.Connection
	// sync is the newest one: only what came before it is proved by it.
	sync    synced
	changed map[string]bool // versions that changed after it was asked for, as name and version
	missing map[string]*missing
}

// missing is a pack that Palette did not show whole.
type missing struct {
	looked, next time.Time
	wait         time.Duration
	tries        int
	shown        []db.Shown // what is kept of it
}

func newLooker(s *Service, c db.Connection) *looker {
	return &looker{s: s, c: c, missing: map[string]*missing{}}
}

// after tells of a sync: every pack may show now what it did not before.
func (l *looker) after(r synced) {
	l.sync = r
	for _, m := range l.missing {
		if r.good && (m.tries < freshLooks || len(l.missing) <= againMost) {
			m.next = time.Time{}
		}
	}
}

// fresh reports whether a pack is missing that may well come in a moment.
func (l *looker) fresh() bool {
	for _, m := range l.missing {
		if m.tries <= freshLooks {
			return true
		}
	}
	return false
}

// next is when to look again; false when nothing is missing.
func (l *looker) next() (at time.Time, any bool) {
	for _, m := range l.missing {
		if !any || m.next.Before(at) {
			at, any = m.next, true
		}
	}
	return at, any
}

// look asks Palette for the packs with versions that it is not known to show, the newest push first, and keeps what it
// finds. It breaks off when stop says so.
func (l *looker) look(ctx context.Context, stop func() bool) error {
	list, err := l.s.cfg.Store.Unshown(ctx, l.c.Name, lookMost)
	if err != nil {
		return err
	}
	newest, order := map[string]time.Time{}, []string{}
	for _, u := range list {
		if at, ok := newest[u.Pack]; !ok {
			order = append(order, u.Pack)
			newest[u.Pack] = u.PushedAt
		} else if u.PushedAt.After(at) {
			newest[u.Pack] = u.PushedAt
		}
	}
	for name := range l.missing {
		if _, still := newest[name]; !still && len(list) < lookMost {
			delete(l.missing, name)
		}
	}
	if err := l.readChanged(ctx); err != nil {
		return err
	}
	for _, name := range order {
		now := l.s.cfg.Now()
		m := l.missing[name]
		if m != nil && now.Before(m.next) && !newest[name].After(m.looked) {
			continue
		}
		if stop != nil && stop() {
			return nil
		}
		if err := l.lookAt(ctx, name, m, newest[name], now); err != nil {
			return err
		}
	}
	return nil
}

// readChanged reads what changed since the newest sync was asked for, which it may not have seen.
func (l *looker) readChanged(ctx context.Context) error {
	l.changed = map[string]bool{}
	if !l.sync.good {
		return nil
	}
	since := l.sync.from
	for {
		list, next, err := l.s.cfg.Store.Changes(ctx, since, l.c.Namespace, 1000)
		if err != nil {
			return err
		}
		for _, ch := range list {
			l.changed[ch.Name+" "+ch.Version] = true
		}
		if len(list) == 0 {
			return nil
		}
		since = next
	}
}

// lookAt asks for one pack.
func (l *looker) lookAt(ctx context.Context, name string, m *missing, newest, now time.Time) error {
	shown, all, err := l.compare(ctx, name, now)
	if err != nil {
		return err
	}
	if m == nil {
		m = &missing{}
	}
	// The same again need not be written again.
	if m.looked.IsZero() && len(shown) > 0 || !slices.EqualFunc(m.shown, shown, func(a, b db.Shown) bool { return a.Version == b.Version && a.Revision == b.Revision }) {
		if err := l.s.cfg.Store.SetShown(ctx, l.c.Name, l.c.UID, name, shown); err != nil {
			return err
		}
	}
	if all {
		delete(l.missing, name)
		return nil
	}
	if newest.After(m.looked) {
		m.wait, m.tries = 0, 0
	}
	m.wait = min(max(2*m.wait, lookFirst), lookLast)
	m.looked, m.next, m.shown = now, now.Add(m.wait), shown
	m.tries++
	l.missing[name] = m
	return nil
}

// compare tells which versions of a pack Palette shows, and whether those are all.
func (l *looker) compare(ctx context.Context, name string, now time.Time) (shown []db.Shown, all bool, err error) {
	mine, err := l.s.cfg.Packs.Pack(ctx, l.c.Namespace, name)
	if pack.IsKind(err, pack.KindNotFound) {
		return nil, true, nil // deleted meanwhile
	}
	if err != nil {
		return nil, false, err
	}
	theirs, err := l.s.cfg.Palette.Pack(ctx, l.c.UID, name)
	if pack.IsKind(err, pack.KindNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	all = true
	for i := range mine.Versions {
		v := &mine.Versions[i]
		visible, err := l.visible(ctx, theirs, v)
		if err != nil {
			return nil, false, err
		}
		if visible {
			shown = append(shown, db.Shown{Version: v.Version, Revision: v.Revision, Since: now})
		} else {
			all = false
		}
	}
	return shown, all, nil
}

// visible reports whether Palette shows that very revision of a version.
func (l *looker) visible(ctx context.Context, theirs *palette.Pack, v *pack.Version) (bool, error) {
	if _, listed := theirs.Version(v.Version); !listed {
		return false, nil
	}
	if !theirs.Visible(v.Version, false) {
		empty, err := l.s.emptyValues(ctx, v)
		if err != nil || !empty {
			return false, err
		}
	}
	// A first revision is proved by being listed. A later one may be listed with the content of the one before, unless a
	// good sync came after it.
	if v.Revision == 1 || l.sync.good && !l.changed[v.Name+" "+v.Version] {
		return true, nil
	}
	known, err := l.s.cfg.Store.ShownIn(ctx, v.Namespace, v.Name, v.Version, v.Revision)
	return slices.ContainsFunc(known, func(x pack.Visible) bool { return x.Entry == l.c.Name }), err
}

// emptyValues reports whether the values.yaml of a version has nothing in it, as in some packs.
func (s *Service) emptyValues(ctx context.Context, v *pack.Version) (bool, error) {
	whole, err := s.cfg.Packs.Resolve(ctx, v.Namespace, v.Name, string(v.Digest))
	if pack.IsKind(err, pack.KindNotFound) {
		return false, nil // gone meanwhile
	}
	if err != nil {
		return false, err
	}
	f, err := s.cfg.Packs.File(ctx, whole, "values.yaml")
	if err != nil || f.Size > valuesMost {
		return false, err
	}
	r, err := f.Open(ctx, 0, -1)
	if err != nil {
		return false, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return strings.TrimSpace(string(text)) == "", err
}
