package registry

import (
	"context"
	"strings"
	"sync"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Consumers of the feed. Where each is changes with every poll, so it is kept in memory and written now and then, all in
// one transaction, and only where it has moved or was not written for long. A crash loses some seconds of it,
// which the next poll mends.

const (
	// flushEvery is how often what has moved is written.
	flushEvery = 5 * time.Second
	// seenEvery is how often that a consumer was seen is written though it has not moved.
	seenEvery = time.Minute
	// flushTime bounds the last writing, at the end of Run.
	flushTime = 5 * time.Second
	// consumersHeld bounds the memory; beyond it positions are not noted until the next flush.
	consumersHeld = 10_000
)

// Consumer names a reader of the feed.
type Consumer struct {
	Account   string
	Name      string // that it gives itself; "" none
	Namespace string // that it reads, "*" all
}

// Check refuses a name that a consumer cannot have.
func (c Consumer) Check() error {
	ok := len(c.Name) <= 64
	for i, r := range c.Name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		ok = ok && (letter || i > 0 && (r == '.' || r == '-' || r == '_'))
	}
	if !ok {
		return pack.Errorf(pack.KindInvalid, "consumer_invalid", "the name of a consumer has up to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or digit")
	}
	return nil
}

// consumers is what is known of them since the last writing.
type consumers struct {
	mu   sync.Mutex
	at   map[Consumer]*position
	turn sync.Mutex // one writes at a time
}

type position struct {
	cursor          string // that mark was read from
	mark, written   db.Mark
	seen, writtenAt time.Time
}

// dirty reports whether it is worth a write.
func (p *position) dirty() bool {
	return p.writtenAt.IsZero() || p.mark != p.written || p.seen.Sub(p.writtenAt) >= seenEvery
}

// NoteRead notes that a consumer has everything up to a cursor of this feed, "" being the very beginning. It costs no write.
func (r *Registry) NoteRead(c Consumer, cursor string) {
	now := r.cfg.Now()
	r.consumers.mu.Lock()
	defer r.consumers.mu.Unlock()
	if r.consumers.at == nil {
		r.consumers.at = map[Consumer]*position{}
	}
	p := r.consumers.at[c]
	if p != nil && p.cursor == cursor { // a poll that nothing has changed for
		p.seen = now
		return
	}
	var mark db.Mark
	if cursor != "" {
		var err error
		if mark, err = db.DecodeCursor(cursor); err != nil {
			return
		}
	}
	if p == nil {
		if len(r.consumers.at) >= consumersHeld {
			return
		}
		p = &position{}
		// What is kept must not be a piece of a request's line, which would stay with it.
		c.Account, c.Name, c.Namespace = strings.Clone(c.Account), strings.Clone(c.Name), strings.Clone(c.Namespace)
		r.consumers.at[c] = p
	}
	p.cursor, p.mark, p.seen = strings.Clone(cursor), mark, now
}

// Consumers lists the consumers of an account, "" for all, as they are now by what this replica knows, and by
// what others knew some seconds ago.
func (r *Registry) Consumers(ctx context.Context, account string) ([]db.ConsumerStanding, error) {
	if err := r.flushConsumers(ctx); err != nil {
		return nil, err
	}
	return r.cfg.DB.Consumers(ctx, account)
}

// flushConsumers writes what is worth it, and forgets what has not been seen for long.
func (r *Registry) flushConsumers(ctx context.Context) error {
	r.consumers.turn.Lock()
	defer r.consumers.turn.Unlock()
	var list []db.Consumer
	now := r.cfg.Now()
	r.consumers.mu.Lock()
	for c, p := range r.consumers.at {
		switch {
		case p.dirty():
			list = append(list, db.Consumer{Account: c.Account, Name: c.Name, Namespace: c.Namespace, At: p.mark, SeenAt: p.seen})
		case now.Sub(p.seen) > 2*seenEvery:
			delete(r.consumers.at, c)
		}
	}
	r.consumers.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	if err := r.cfg.DB.PutConsumers(ctx, list); err != nil {
		return err
	}
	r.consumers.mu.Lock()
	defer r.consumers.mu.Unlock()
	for _, x := range list {
		if p := r.consumers.at[Consumer{x.Account, x.Name, x.Namespace}]; p != nil {
			p.written, p.writtenAt = x.At, x.SeenAt
		}
	}
	return nil
}

// flushNowAndThen writes until ctx ends, and then once more.
func (r *Registry) flushNowAndThen(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		last := false
		select {
		case <-ctx.Done():
			last = true
		case <-tick.C:
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		err := r.flushConsumers(bounded)
		cancel()
		if err != nil {
			r.cfg.Log.WarnContext(ctx, "how far the consumers of the feed have read could not be written; it is tried again", "error", err)
		}
		if last {
			return
		}
	}
}
