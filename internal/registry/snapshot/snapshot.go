// Package snapshot keeps the catalogue as it goes out to mirrors: JSON Lines, compressed,
// in files without a name. It is made once and then advanced by the feed, so that reading all
// of it costs about what sending a file costs, whoever reads it and however slowly.
//
// It is cut into segments of whole packs. Each is compressed by itself, as a piece of a
// DEFLATE stream and as a Zstandard frame, so that a change costs making one of them anew, a
// namespace is a run of them, and an answer is pieces of a file one after the other.
package snapshot

import (
	"context"
	"errors"
	"sync/atomic"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

const (
	// mostChanged is the number of changed packs up to which a book is advanced instead of
	// written anew, mostLines the bytes of their lines.
	mostChanged = 500
	mostLines   = 16 << 20
)

// Source is where the catalogue is read. db.Feed is one.
type Source interface {
	Snapshot(ctx context.Context, namespace string, fn func(*pack.Version) error) (db.Mark, error)
	SnapshotSince(ctx context.Context, since db.Mark, most int, fn func(*pack.Version) error) ([]db.PackName, db.Mark, error)
}

// Keeper keeps the newest book.
type Keeper struct {
	source Source
	dir    string
	turn   chan struct{} // one at a time writes
	book   atomic.Pointer[Book]
}

// New makes a Keeper whose files lie in a directory. It reads nothing before the first At.
func New(source Source, dir string) *Keeper {
	return &Keeper{source: source, dir: dir, turn: make(chan struct{}, 1)}
}

// At gives the catalogue as of a head that was just read, or of a newer one. What has to
// be written is written also when the one who asked goes away: the next one will ask for it too.
func (k *Keeper) At(ctx context.Context, head db.Mark) (*Book, error) {
	if b := k.book.Load(); b != nil && b.mark == head {
		return b, nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	old := k.book.Load()
	if old != nil && old.mark == head {
		return old, nil
	}
	b, err := k.next(context.WithoutCancel(ctx), old)
	if err != nil {
		return nil, err
	}
	k.book.Store(b)
	return b, nil
}

// next makes the book that follows old, which may be nil.
func (k *Keeper) next(ctx context.Context, old *Book) (*Book, error) {
	if old == nil || old.scattered() {
		return k.write(ctx)
	}
	lines, changed, mark, err := k.since(ctx, old.mark)
	switch {
	case pack.IsKind(err, pack.KindCursorGone): // a backup was restored
		return k.write(ctx)
	case err != nil:
		return nil, err
	case lines == nil:
		return k.write(ctx)
	}
	b, err := old.advance(changed, lines, mark)
	if err == nil {
		b, err = b.compact(k.dir)
	}
	return b, err
}

// write makes a book of the whole catalogue.
func (k *Keeper) write(ctx context.Context) (*Book, error) {
	to, err := newFiles(k.dir)
	if err != nil {
		return nil, err
	}
	w := newWriter(to)
	var line []byte
	mark, err := k.source.Snapshot(ctx, pack.AllNamespaces, func(v *pack.Version) (err error) {
		if line, err = appendLine(line[:0], v); err != nil {
			return err
		}
		return w.add(db.PackName{Namespace: v.Namespace, Name: v.Name}, line)
	})
	segments, werr := w.close()
	if err == nil {
		err = werr
	}
	if err != nil {
		return nil, err
	}
	return &Book{mark: mark, files: to, segments: segments}, nil
}

// since reads the lines of the packs that have changed. lines is nil when it is better to
// read all.
func (k *Keeper) since(ctx context.Context, mark db.Mark) (lines map[db.PackName][][]byte, changed []db.PackName, now db.Mark, err error) {
	lines, total := make(map[db.PackName][][]byte), 0
	changed, now, err = k.source.SnapshotSince(ctx, mark, mostChanged, func(v *pack.Version) error {
		line, err := appendLine(nil, v)
		if total += len(line); total > mostLines {
			return errTooMany
		}
		name := db.PackName{Namespace: v.Namespace, Name: v.Name}
		lines[name] = append(lines[name], line)
		return err
	})
	if errors.Is(err, errTooMany) || err == nil && len(changed) > mostChanged {
		return nil, nil, db.Mark{}, nil
	}
	return lines, changed, now, err
}
