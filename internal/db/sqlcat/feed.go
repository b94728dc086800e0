package sqlcat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// ErrAgain is returned by a function given to Backend.Write: the transaction is
// rolled back and the function runs again.
var ErrAgain = errors.New("the transaction has to be tried again")

// retryAfter is what a client is told to wait for when the database cannot answer now.
const retryAfter = 2 * time.Second

// changesAtOnce bounds the answer of Changes, whatever the limit asked for.
const changesAtOnce = 10_000

// changes are the changes of one transaction, collected so that their numbers are
// drawn last and the feed is locked for as short as can be.
type changes struct{ list []pack.Change }

func (c *changes) add(ch pack.Change) { c.list = append(c.list, ch) }

// write runs fn in a writing transaction, appends the changes it collected to the
// feed, and wakes the watchers after the commit.
func (c *Catalogue) write(ctx context.Context, fn func(tx Tx, ch *changes) error) error {
	moved := false
	err := c.b.Write(ctx, func(tx Tx) error {
		var ch changes
		if err := fn(tx, &ch); err != nil {
			return err
		}
		moved = len(ch.list) > 0
		return c.appendChanges(ctx, tx, ch.list)
	})
	// Also after an error: a commit whose answer was lost may have happened.
	if moved {
		c.hub.Notify()
	}
	return err
}

// appendChanges draws the numbers under the lock of the feed row, which is held
// until the commit: whoever draws the next number has waited for it.
func (c *Catalogue) appendChanges(ctx context.Context, tx Tx, list []pack.Change) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	marks := make([]string, n)
	for i := range marks {
		var b [8]byte
		rand.Read(b[:]) // never fails (crypto/rand)
		marks[i] = hex.EncodeToString(b[:])
	}
	var head int64
	if err := tx.QueryRow(ctx, `UPDATE feed SET head = head + $1, mark = $2 WHERE id = 1 RETURNING head`,
		n, marks[n-1]).Scan(&head); err != nil {
		return notMissing(err)
	}
	seqs, revisions, ats := make([]int64, n), make([]int64, n), make([]int64, n)
	types, namespaces, names := make([]string, n), make([]string, n), make([]string, n)
	versions, tags, by := make([]string, n), make([]string, n), make([]string, n)
	digests, contents := make([]string, n), make([]string, n)
	for i, ch := range list {
		at := ch.At
		if at.IsZero() {
			at = c.now()
		}
		seqs[i], types[i], namespaces[i], names[i] = head-int64(n-1-i), string(ch.Type), ch.Namespace, ch.Name
		versions[i], tags[i], digests[i], contents[i] = ch.Version, ch.Tag, string(ch.Digest), ch.ContentDigest
		revisions[i], ats[i], by[i] = int64(ch.Revision), micros(at), ch.By
	}
	return tx.Insert(ctx, "changes", "",
		Column{"seq", seqs}, Column{"mark", marks}, Column{"type", types}, Column{"namespace", namespaces}, Column{"name", names},
		Column{"version", versions}, Column{"tag", tags}, Column{"digest", digests}, Column{"content_digest", contents},
		Column{"revision", revisions}, Column{"at", ats}, Column{"by_whom", by})
}

// versionChange is a change to a version. A push happened when the document says;
// everything else happens now.
func versionChange(t pack.ChangeType, v *pack.Version, by string) pack.Change {
	ch := pack.Change{
		Type: t, Namespace: v.Namespace, Name: v.Name, Version: v.Version,
		Digest: v.Digest, ContentDigest: v.ContentDigest, Revision: v.Revision, By: by,
	}
	if t == pack.VersionPushed || t == pack.VersionReplaced {
		ch.At = v.PushedAt
	}
	return ch
}

// Head implements db.Feed.
func (c *Catalogue) Head(ctx context.Context) (db.Mark, error) { return readHead(ctx, c.b.Direct()) }

func readHead(ctx context.Context, tx Tx) (db.Mark, error) {
	var m db.Mark
	err := tx.QueryRow(ctx, `SELECT head, mark FROM feed WHERE id = 1`).Scan(&m.Seq, &m.Mark)
	return m, notMissing(err)
}

// Changes implements db.Feed.
func (c *Catalogue) Changes(ctx context.Context, since db.Mark, namespace string, limit int) ([]pack.Change, db.Mark, error) {
	if limit < 1 {
		return nil, db.Mark{}, pack.Errorf(pack.KindInvalid, "limit_invalid", "the limit must be at least 1")
	}
	limit = min(limit, changesAtOnce)
	var list []pack.Change
	var end db.Mark
	err := c.b.Read(ctx, func(tx Tx) error {
		list = []pack.Change{}
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		end = head
		if head == since {
			return nil
		}
		if err := checkMark(ctx, tx, since); err != nil {
			return err
		}
		if list, err = readChanges(ctx, tx, since.Seq, namespace, limit+1); err != nil {
			return err
		}
		if len(list) > limit { // there is more: the caller has read up to the last one it gets
			list = list[:limit]
			last := list[limit-1]
			end, err = db.DecodeCursor(last.Cursor)
		}
		return err
	})
	if err != nil {
		return nil, db.Mark{}, err
	}
	return list, end, nil
}

// checkMark gives KindCursorGone when the feed has no change with that mark.
// The zero mark is before any change of any feed.
func checkMark(ctx context.Context, tx Tx, m db.Mark) error {
	if m == (db.Mark{}) {
		return nil
	}
	var mark string
	err := tx.QueryRow(ctx, `SELECT mark FROM changes WHERE seq = $1`, m.Seq).Scan(&mark)
	if errors.Is(err, ErrNoRows) || (err == nil && mark != m.Mark) {
		return pack.Errorf(pack.KindCursorGone, "cursor_gone",
			"the cursor is not of this catalogue, which may have been restored from a backup: start again from the catalog")
	}
	return err
}

func readChanges(ctx context.Context, tx Tx, after int64, namespace string, limit int) ([]pack.Change, error) {
	where, args := `seq > $1`, []any{after, limit}
	if namespace != pack.AllNamespaces {
		if !storable(namespace) {
			return []pack.Change{}, nil
		}
		where, args = `namespace = $3 AND seq > $1`, append(args, namespace)
	}
	rows, err := tx.Query(ctx, `SELECT seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom
 FROM changes WHERE `+where+` ORDER BY seq LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []pack.Change{}
	for rows.Next() {
		var ch pack.Change
		var mark string
		var revision, at int64
		if err := rows.Scan(&ch.Seq, &mark, (*string)(&ch.Type), &ch.Namespace, &ch.Name, &ch.Version, &ch.Tag,
			(*string)(&ch.Digest), &ch.ContentDigest, &revision, &at, &ch.By); err != nil {
			return nil, err
		}
		ch.Revision, ch.At = int(revision), fromMicros(at)
		ch.Cursor = db.EncodeCursor(db.Mark{Seq: ch.Seq, Mark: mark})
		list = append(list, ch)
	}
	return list, rows.Err()
}

// Watch implements db.Feed.
func (c *Catalogue) Watch(ctx context.Context) <-chan struct{} { return c.hub.Watch(ctx) }
