package registry

import (
	"context"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Limits of Changes.
const (
	MaxWait        = 60 * time.Second
	MaxChanges     = 10_000
	DefaultChanges = 100
)

// Now is the cursor that stands for the head of the feed at that moment.
const Now = "now"

// pollInterval is the time between two looks at the head of readers that wait
// while nothing tells of changes.
const pollInterval = time.Second

// Catalogue streams the whole catalogue of a namespace ("*" for all) as of one
// instant and returns the cursor of that instant: Changes since it tell what
// came after. fn must not call the Registry; its error ends the stream. Each
// stream holds a database connection as long as its reader takes: beyond MaxStreams
// of them, one that finds no place within streamWait is KindBusy.
func (r *Registry) Catalogue(ctx context.Context, namespace string, fn func(*pack.Version) error) (cursor string, err error) {
	if err := checkScope(namespace); err != nil {
		return "", err
	}
	if err := r.streams.enter(ctx); err != nil {
		return "", err
	}
	defer r.streams.leave()
	mark, err := r.cfg.DB.Snapshot(ctx, namespace, fn)
	if err != nil {
		return "", err
	}
	return db.EncodeCursor(mark), nil
}

// Changes reads the feed after since, "" being the time before any change and Now the
// newest one. limit 0 means DefaultChanges; it is bounded by MaxChanges, wait by MaxWait.
//
// It answers at once when there is something, or when wait is zero. Else it holds
// the answer until something changes in the namespace, the time is over, or Run
// ends. No changes and a cursor equal to since mean the end; with a namespace
// the cursor may move without changes. KindCursorGone for a since of another feed.
func (r *Registry) Changes(ctx context.Context, since, namespace string, limit int, wait time.Duration) (changes []pack.Change, cursor string, err error) {
	if err := checkScope(namespace); err != nil {
		return nil, "", err
	}
	if limit < 0 || wait < 0 {
		return nil, "", pack.Errorf(pack.KindInvalid, "", "limit and wait must not be negative")
	}
	if limit == 0 {
		limit = DefaultChanges
	}
	var mark db.Mark
	switch since {
	case "":
	case Now:
		mark, _, err = r.head(ctx)
	default:
		mark, err = db.DecodeCursor(since)
	}
	if err != nil {
		return nil, "", err
	}
	timeout := time.NewTimer(min(wait, MaxWait))
	defer timeout.Stop()
	for {
		woken := r.bell.wait()
		changes, mark, err = r.changes(ctx, mark, namespace, min(limit, MaxChanges))
		if err != nil {
			return nil, "", err
		}
		if len(changes) > 0 || wait == 0 || !r.waitMoved(ctx, woken, timeout.C) {
			return changes, db.EncodeCursor(mark), nil
		}
	}
}

// changes reads once. When since is the head it is told from the head alone.
func (r *Registry) changes(ctx context.Context, since db.Mark, namespace string, limit int) ([]pack.Change, db.Mark, error) {
	if since != (db.Mark{}) {
		head, _, err := r.head(ctx)
		if err != nil {
			return nil, since, err
		}
		if head == since {
			return nil, since, nil
		}
	}
	return r.cfg.DB.Changes(ctx, since, namespace, limit)
}

// waitMoved waits until the feed may have moved, and reports false when it is
// time to answer instead.
func (r *Registry) waitMoved(ctx context.Context, woken <-chan struct{}, timeout <-chan time.Time) bool {
	if r.closing.Load() {
		return false
	}
	r.counts.waiting.Add(1)
	defer r.counts.waiting.Add(-1)
	var poll <-chan time.Time
	if !r.heads.isWatched() { // nobody would ring for another process's changes
		t := time.NewTimer(pollInterval)
		defer t.Stop()
		poll = t.C
	}
	select {
	case <-woken:
		return !r.closing.Load()
	case <-poll:
		return true
	case <-timeout:
		return false
	case <-ctx.Done():
		return false
	}
}
