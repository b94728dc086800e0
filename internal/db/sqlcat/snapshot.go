package sqlcat

import (
	"context"
	"database/sql"

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
		rows, err := tx.Query(ctx, query+snapshotOrder, args...)
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
	})
	if err != nil {
		return db.Mark{}, err
	}
	return mark, nil
}
