package sqlcat

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// snapshotQuery gives a row for each version and hand-set tag of it, and one for a
// version without.
const snapshotQuery = `SELECT ` + documentColumns + `, t.tag FROM ` + currentJoin + ` LEFT JOIN tags t ON t.version_id = v.id
 WHERE p.newest_id IS NOT NULL`

const snapshotOrder = ` ORDER BY p.namespace, p.name, v.sort_key, t.tag`

// Snapshot implements db.Feed.
func (c *Catalogue) Snapshot(ctx context.Context, namespace string, fn func(*pack.Version) error) (db.Mark, error) {
	var mark db.Mark
	query, args := snapshotQuery, []any(nil)
	if namespace != pack.AllNamespaces {
		if !storable(namespace) {
			return c.Head(ctx)
		}
		query, args = query+` AND p.namespace = $1`, []any{namespace}
	}
	err := c.b.Read(ctx, func(tx Tx) error {
		var err error
		if mark, err = readHead(ctx, tx); err != nil {
			return err
		}
		return eachVersion(ctx, tx, fn, query+snapshotOrder, args...)
	})
	if err != nil {
		return db.Mark{}, err
	}
	return mark, nil
}

// eachVersion calls fn for the versions of a snapshotQuery.
func eachVersion(ctx context.Context, tx Tx, fn func(*pack.Version) error, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last *pack.Version
	for rows.Next() {
		var d documentScan
		var tag sql.NullString
		if err := rows.Scan(d.targets(&tag)...); err != nil {
			return err
		}
		if last == nil || last.RevisionID != d.v.RevisionID {
			if last != nil {
				if err := fn(last); err != nil {
					return err
				}
			}
			if last, err = d.version(); err != nil {
				return err
			}
		}
		if tag.Valid {
			last.Tags = append(last.Tags, tag.String)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if last != nil {
		return fn(last)
	}
	return nil
}

// SnapshotSince implements db.Feed.
func (c *Catalogue) SnapshotSince(ctx context.Context, since db.Mark, most int, fn func(*pack.Version) error) (changed []db.PackName, mark db.Mark, err error) {
	err = c.b.Read(ctx, func(tx Tx) error {
		changed = nil
		if mark, err = readHead(ctx, tx); err != nil || mark == since {
			return err
		}
		if err := checkMark(ctx, tx, since); err != nil {
			return err
		}
		if changed, err = changedPacks(ctx, tx, since.Seq, most+1); err != nil || len(changed) > most {
			return err
		}
		for part := range slices.Chunk(changed, changedAtOnce) {
			var st statement
			st.WriteString(snapshotQuery + " AND (p.namespace, p.name) IN (VALUES ")
			for i, p := range part {
				st.WriteString([...]string{"(", ", ("}[min(i, 1)] + st.arg(p.Namespace) + ", " + st.arg(p.Name) + ")")
			}
			st.WriteString(")" + snapshotOrder)
			if err := eachVersion(ctx, tx, fn, st.String(), st.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, db.Mark{}, err
	}
	return changed, mark, nil
}

// changedAtOnce is how many packs one statement names.
const changedAtOnce = 100

// checkMark gives KindCursorGone when the feed has no change with that mark.
func checkMark(ctx context.Context, tx Tx, m db.Mark) error {
	var mark string
	err := tx.QueryRow(ctx, `SELECT mark FROM changes WHERE seq = $1`, m.Seq).Scan(&mark)
	if errors.Is(err, ErrNoRows) || err == nil && mark != m.Mark {
		return cursorGone()
	}
	return err
}

// changedPacks lists up to limit packs that have a change after a number, in the order of a snapshot.
func changedPacks(ctx context.Context, tx Tx, after int64, limit int) ([]db.PackName, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT namespace, name FROM changes WHERE seq > $1 ORDER BY namespace, name LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var packs []db.PackName
	for rows.Next() {
		var p db.PackName
		if err := rows.Scan(&p.Namespace, &p.Name); err != nil {
			return nil, err
		}
		packs = append(packs, p)
	}
	return packs, rows.Err()
}
