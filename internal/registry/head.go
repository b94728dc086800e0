package registry

import (
	"context"
	"sync"
	"time"

	"packregistry/internal/db"
)

// headAge bounds how long a cached head is believed though no notification
// came: a poll may lag a second behind another replica (design section 6.6),
// also when its notification connection has died and nobody has noticed yet.
const headAge = time.Second

// headCache remembers the head of the feed. Each possible move of the head makes
// a new generation; what was read in an older one is not believed.
type headCache struct {
	mu         sync.Mutex
	generation uint64
	watched    bool // Run listens: without it nothing would end a generation
	mark       db.Mark
	cursor     string
	read       time.Time
	valid      bool
}

func (h *headCache) invalidate() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.generation++
	h.valid = false
}

func (h *headCache) setWatched(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched = on
	h.generation++
	h.valid = false
}

func (h *headCache) isWatched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watched
}

// get returns what is cached, if it may be believed at this time.
func (h *headCache) get(now time.Time) (mark db.Mark, cursor string, generation uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	age := now.Sub(h.read)
	ok = h.watched && h.valid && age >= 0 && age < headAge
	return h.mark, h.cursor, h.generation, ok
}

// put keeps a head that was read in a generation, if that is still the last one.
func (h *headCache) put(mark db.Mark, cursor string, generation uint64, read time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.generation == generation {
		h.mark, h.cursor, h.read, h.valid = mark, cursor, read, true
	}
}

// Head is the cursor of the newest change. It is cheap: cached while the feed is
// live, else one indexed read. It is never older than what this process has
// committed.
func (r *Registry) Head(ctx context.Context) (cursor string, err error) {
	_, cursor, err = r.head(ctx)
	return cursor, err
}

func (r *Registry) head(ctx context.Context) (db.Mark, string, error) {
	now := r.cfg.Now()
	mark, cursor, generation, ok := r.heads.get(now)
	if ok && r.cfg.DB.Live() {
		r.counts.headHits.Add(1)
		return mark, cursor, nil
	}
	r.counts.headReads.Add(1)
	mark, err := r.cfg.DB.Head(ctx)
	if err != nil {
		return db.Mark{}, "", err
	}
	cursor = db.EncodeCursor(mark)
	r.heads.put(mark, cursor, generation, now)
	return mark, cursor, nil
}

// moved says that the head may have moved: the cache forgets it and then the
// waiting readers wake, in this order, so that none of them sees the old one.
func (r *Registry) moved() {
	r.heads.invalidate()
	r.bell.ring()
}

// bell wakes all who wait. Its zero value is ready.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that the next ring closes. Take it before looking, so
// that a ring between the look and the wait is not lost.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
