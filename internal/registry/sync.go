package registry

import (
	"context"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/registry/snapshot"
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

// Book gives the whole catalogue of a namespace ("*" for all) as it goes out, as of one
// instant that is never before the call, and the cursor of that instant. It is written down
// compressed and kept up with the feed, so that who reads it, and how slowly, costs the
// database nothing. An error means that it could not be written down (a full disk, say):
// Catalogue needs no disk.
func (r *Registry) Book(ctx context.Context, namespace string, coding snapshot.Coding) (*snapshot.Reading, string, error) {
	if err := checkScope(namespace); err != nil {
		return nil, "", err
	}
	head, err := r.Mark(ctx)
	if err != nil {
		return nil, "", err
	}
	book, err := r.books.At(ctx, head)
	if err != nil {
		return nil, "", err
	}
	reading, err := book.Read(namespace, coding)
	return reading, db.EncodeCursor(book.Mark()), err
}

// Changes reads the feed after since, "" being the time before any change and Now the
// newest one. limit 0 means DefaultChanges; it is bounded by MaxChanges, wait by MaxWait.
//
// It answers at once when there is something, or when wait is zero. Else it holds
// the answer until something changes in the namespace, the time is over, or Run
// ends. No changes and a cursor equal to since mean the end; with a namespace
// the cursor may move without changes. KindCursorGone for a since of another feed.
func (r *Registry) Changes(ctx context.Context, since, namespace string, limit int, wait time.Duration) (changes []pack.Change, cursor string, err error) {
	cursor, err = r.await(ctx, since, namespace, limit, wait, func(mark db.Mark, limit int) (n int, end db.Mark, err error) {
		changes, end, err = r.cfg.DB.Changes(ctx, mark, namespace, limit)
		return len(changes), end, err
	})
	return changes, cursor, err
}

// EachChange is Changes, one change at a time. fn must not keep the change or any of its
// texts, nor call the Registry. After an error it may have been called for some.
func (r *Registry) EachChange(ctx context.Context, since, namespace string, limit int, wait time.Duration, fn func(*pack.Change)) (cursor string, err error) {
	return r.await(ctx, since, namespace, limit, wait, func(mark db.Mark, limit int) (n int, end db.Mark, err error) {
		end, err = r.cfg.DB.EachChange(ctx, mark, namespace, limit, func(c *pack.Change) {
			n++
			fn(c)
		})
		return n, end, err
	})
}

// await reads changes when there may be some, until there are or the time is over.
func (r *Registry) await(ctx context.Context, since, namespace string, limit int, wait time.Duration, read func(mark db.Mark, limit int) (int, db.Mark, error)) (cursor string, err error) {
	if err := checkScope(namespace); err != nil {
		return "", err
	}
	if limit < 0 || wait < 0 {
		return "", pack.Errorf(pack.KindInvalid, "", "limit and wait must not be negative")
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
		return "", err
	}
	timeout := time.NewTimer(min(wait, MaxWait))
	defer timeout.Stop()
	for {
		woken := r.bell.wait()
		n, end, err := r.changes(ctx, mark, min(limit, MaxChanges), read)
		if err != nil {
			return "", err
		}
		if mark = end; n > 0 || wait == 0 || !r.waitMoved(ctx, woken, timeout.C) {
			return db.EncodeCursor(mark), nil
		}
	}
}

// changes reads once. When since is the head it is told from the head alone.
func (r *Registry) changes(ctx context.Context, since db.Mark, limit int, read func(mark db.Mark, limit int) (int, db.Mark, error)) (int, db.Mark, error) {
	if since != (db.Mark{}) {
		head, _, err := r.head(ctx)
		if err != nil {
			return 0, since, err
		}
		if head == since {
			return 0, since, nil
		}
	}
	return read(since, limit)
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
