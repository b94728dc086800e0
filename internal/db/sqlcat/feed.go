package sqlcat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
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

// write runs fn in a short writing transaction, appends the changes it collected to the
// feed, and wakes the watchers after the commit.
func (c *Catalogue) write(ctx context.Context, fn func(tx Tx, ch *changes) error) error {
	return c.writeIn(ctx, c.b.WriteShort, fn)
}

// writeIn is write in a transaction of another kind.
func (c *Catalogue) writeIn(ctx context.Context, transaction func(context.Context, func(Tx) error) error, fn func(tx Tx, ch *changes) error) error {
	moved := false
	err := transaction(ctx, func(tx Tx) error {
		moved = false
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
	for _, ch := range list {
		if err := checkSeparable(ch.Namespace, ch.Name, ch.Version, ch.Tag, string(ch.Digest), ch.ContentDigest); err != nil {
			return err
		}
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
	list := []pack.Change{}
	end, err := c.EachChange(ctx, since, namespace, limit, func(ch *pack.Change) { list = append(list, cloned(ch)) })
	if err != nil {
		return nil, db.Mark{}, err
	}
	return list, end, nil
}

// cloned is a change that may be kept.
func cloned(ch *pack.Change) pack.Change {
	own := *ch
	for _, text := range []*string{
		(*string)(&own.Type), &own.Namespace, &own.Name, &own.Version, &own.Tag, (*string)(&own.Digest), &own.ContentDigest, &own.By, &own.Cursor,
	} {
		*text = strings.Clone(*text)
	}
	return own
}

// EachChange implements db.Feed with one statement, and hence as of one instant.
func (c *Catalogue) EachChange(ctx context.Context, since db.Mark, namespace string, limit int, fn func(*pack.Change)) (db.Mark, error) {
	if limit < 1 {
		return db.Mark{}, pack.Errorf(pack.KindInvalid, "limit_invalid", "the limit must be at least 1")
	}
	limit = min(limit, changesAtOnce)
	where, args := "", []any{since.Seq}
	if namespace != pack.AllNamespaces {
		if !storable(namespace) {
			namespace = "" // has no changes
		}
		where, args = "namespace = $2 AND ", append(args, namespace)
	}
	atMost := strconv.Itoa(limit + 1)
	if !isRound(limit) {
		args = append(args, limit+1)
		atMost = "$" + strconv.Itoa(len(args))
	}
	d := c.b.Dialect()
	rows, err := c.b.Direct().Query(ctx, changeQuery(d, where, atMost), args...)
	if err != nil {
		return db.Mark{}, err
	}
	defer rows.Close()
	return eachChange(rows, d.Separator, since, limit, fn)
}

// eachChange reads the answer to EachChange's question.
func eachChange(rows Rows, separator byte, since db.Mark, limit int, fn func(*pack.Change)) (db.Mark, error) {
	var head, last db.Mark
	var row changeRow
	ch := &row.change
	cursor := make([]byte, 0, 64)
	for n := 0; rows.Next(); n++ {
		text, err := rows.Text()
		if err == nil {
			err = row.parse(text, separator)
		}
		if err != nil {
			return db.Mark{}, err
		}
		if (n == 0) != row.isHead || !row.isHead && ch.Seq <= last.Seq { // which no database does, though none promises it
			return db.Mark{}, pack.Errorf(pack.KindInternal, "", "the feed was read out of order")
		}
		switch {
		case row.isHead:
			head = db.Mark{Seq: ch.Seq, Mark: strings.Clone(row.mark)}
			last.Seq = since.Seq
			if since == head {
				return head, nil
			}
			// The zero mark is before any change of any feed.
			if since != (db.Mark{}) && (since.Mark == "" || since.Mark != row.asked) {
				return db.Mark{}, cursorGone()
			}
			continue
		case n > limit: // there is more: the caller has read up to the last one it gets
			return last, nil
		}
		cursor = db.AppendCursor(cursor[:0], ch.Seq, row.mark)
		ch.Cursor = Borrowed(cursor)
		last.Seq = ch.Seq
		if n == limit { // it is only needed if there is one more
			last.Mark = strings.Clone(row.mark)
		}
		fn(ch)
	}
	return head, rows.Err()
}

func cursorGone() error {
	return pack.Errorf(pack.KindCursorGone, "cursor_gone",
		"the cursor is not of this catalogue, which may have been restored from a backup: start again from the catalog")
}

// Watch implements db.Feed.
func (c *Catalogue) Watch(ctx context.Context) <-chan struct{} { return c.hub.Watch(ctx) }
