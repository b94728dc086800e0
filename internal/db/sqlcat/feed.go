package sqlcat

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
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
	if !storable(namespace) {
		namespace = "" // has no changes
	}
	limit = min(limit, changesAtOnce)
	page, err := readChanges(ctx, c.b.Direct(), since.Seq, namespace, limit+1)
	if err != nil {
		return nil, db.Mark{}, err
	}
	switch {
	case since == page.head:
		return []pack.Change{}, page.head, nil
	// The zero mark is before any change of any feed.
	case since != (db.Mark{}) && (since.Mark == "" || since.Mark != page.mark):
		return nil, db.Mark{}, pack.Errorf(pack.KindCursorGone, "cursor_gone",
			"the cursor is not of this catalogue, which may have been restored from a backup: start again from the catalog")
	case len(page.changes) <= limit:
		return page.changes, page.head, nil
	}
	// There is more: the caller has read up to the last one it gets.
	list := page.changes[:limit]
	end, err := db.DecodeCursor(list[limit-1].Cursor)
	return list, end, err
}

// changePage is the feed after a number, and what tells whether it is the right feed.
type changePage struct {
	head    db.Mark
	mark    string // of the change with the number; "" when there is none
	changes []pack.Change
}

// readChanges reads all of it in one statement, and hence as of one instant.
func readChanges(ctx context.Context, tx Tx, after int64, namespace string, limit int) (*changePage, error) {
	where, args := "", []any{after, limit}
	if namespace != pack.AllNamespaces {
		where, args = "namespace = $3 AND ", append(args, namespace)
	}
	rows, err := tx.Query(ctx, `SELECT 0, head, mark, '', (SELECT mark FROM changes WHERE seq = $1), '', '', '', '', '', 0, 0, '' FROM feed WHERE id = 1
 UNION ALL SELECT * FROM (SELECT 1, seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom
 FROM changes WHERE `+where+`seq > $1 ORDER BY seq LIMIT $2) page`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := &changePage{changes: make([]pack.Change, 0, min(limit, 1024))}
	var ch pack.Change
	var mark string
	var kind, revision, at int64
	var namespaceOrMark sql.NullString
	dest := []any{
		&kind, &ch.Seq, &mark, (*string)(&ch.Type), &namespaceOrMark, &ch.Name, &ch.Version, &ch.Tag,
		(*string)(&ch.Digest), &ch.ContentDigest, &revision, &at, &ch.By,
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		if kind == 0 {
			page.head, page.mark = db.Mark{Seq: ch.Seq, Mark: mark}, namespaceOrMark.String
			continue
		}
		ch.Namespace, ch.Revision, ch.At = namespaceOrMark.String, int(revision), fromMicros(at)
		ch.Cursor = db.EncodeCursor(db.Mark{Seq: ch.Seq, Mark: mark})
		page.changes = append(page.changes, ch)
	}
	// A union does not promise to keep the order.
	slices.SortFunc(page.changes, func(a, b pack.Change) int { return cmp.Compare(a.Seq, b.Seq) })
	return page, rows.Err()
}

// Watch implements db.Feed.
func (c *Catalogue) Watch(ctx context.Context) <-chan struct{} { return c.hub.Watch(ctx) }
