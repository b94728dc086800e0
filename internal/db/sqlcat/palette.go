package sqlcat

import (
	"context"
	"errors"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// moment and fromMoment keep a time that may be none.
func moment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

func fromMoment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}

func connectionNotFound(name string) error {
	return pack.Errorf(pack.KindNotFound, "connection_not_found", "there is no connection %q to a Palette", name)
}

// Connections implements db.Palette.
func (c *Catalogue) Connections(ctx context.Context) ([]db.Connection, error) {
	rows, err := c.b.Direct().Query(ctx, `SELECT name, palette, uid, kind, namespace, endpoint, account, credential, created_at, changed_at,
 seq, asked_at, ended_at, good_at, state, problem FROM palette_connections ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []db.Connection{}
	for rows.Next() {
		var x db.Connection
		var created, changed, asked, ended, good int64
		if err := rows.Scan(&x.Name, &x.Palette, &x.UID, &x.Kind, &x.Namespace, &x.Endpoint, &x.Account, &x.Credential, &created, &changed,
			&x.Sync.Seq, &asked, &ended, &good, &x.Sync.State, &x.Sync.Problem); err != nil {
			return nil, err
		}
		x.CreatedAt, x.ChangedAt = fromMicros(created), fromMicros(changed)
		x.Sync.Asked, x.Sync.Ended, x.Sync.Good = fromMoment(asked), fromMoment(ended), fromMoment(good)
		list = append(list, x)
	}
	return list, rows.Err()
}

// lockConnection locks the row, and reads what decides whether what is known of it still holds.
func (c *Catalogue) lockConnection(ctx context.Context, tx Tx, name string) (x db.Connection, err error) {
	err = tx.QueryRow(ctx, `SELECT palette, uid, kind, namespace, seq FROM palette_connections WHERE name = $1`+c.b.Dialect().ForUpdate, name).
		Scan(&x.Palette, &x.UID, &x.Kind, &x.Namespace, &x.Sync.Seq)
	if errors.Is(err, ErrNoRows) {
		return x, connectionNotFound(name)
	}
	return x, err
}

// PutConnection implements db.Palette.
func (c *Catalogue) PutConnection(ctx context.Context, x db.Connection) error {
	if err := checkStorable(x.Name, x.Palette, x.UID, x.Kind, x.Namespace, x.Endpoint, x.Account, x.Credential); err != nil {
		return err
	}
	changed := x.ChangedAt
	if changed.IsZero() {
		changed = c.now()
	}
	return c.b.Write(ctx, func(tx Tx) error {
		old, err := c.lockConnection(ctx, tx, x.Name)
		switch {
		case pack.IsKind(err, pack.KindNotFound):
		case err != nil:
			return err
		case old.Palette != x.Palette || old.UID != x.UID || old.Kind != x.Kind || old.Namespace != x.Namespace:
			if _, err := tx.Exec(ctx, `DELETE FROM palette_shown WHERE connection = $1`, x.Name); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE palette_connections SET seq = 0, asked_at = 0, ended_at = 0, good_at = 0, state = '', problem = '' WHERE name = $1`, x.Name); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO palette_connections (name, palette, uid, kind, namespace, endpoint, account, credential, created_at, changed_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
 ON CONFLICT (name) DO UPDATE SET palette = excluded.palette, uid = excluded.uid, kind = excluded.kind, namespace = excluded.namespace,
 endpoint = excluded.endpoint, account = excluded.account, credential = excluded.credential, changed_at = excluded.changed_at`,
			x.Name, x.Palette, x.UID, x.Kind, x.Namespace, x.Endpoint, x.Account, x.Credential, micros(changed))
		return err
	})
}

// DeleteConnection implements db.Palette.
func (c *Catalogue) DeleteConnection(ctx context.Context, name string) error {
	if !storable(name) {
		return connectionNotFound(name)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM palette_connections WHERE name = $1`, name)
		if err == nil && n == 0 {
			return connectionNotFound(name)
		}
		return err
	})
}

// withConnection runs fn under the lock of the row, if its entry is still that one.
func (c *Catalogue) withConnection(ctx context.Context, name, uid string, fn func(Tx, db.Connection) error) error {
	if !storable(name, uid) {
		return connectionNotFound(name)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		x, err := c.lockConnection(ctx, tx, name)
		switch {
		case err != nil:
			return err
		case x.UID != uid:
			return connectionNotFound(name)
		}
		return fn(tx, x)
	})
}

// PutSync implements db.Palette.
func (c *Catalogue) PutSync(ctx context.Context, name, uid string, s db.ConnectionSync) error {
	return c.withConnection(ctx, name, uid, func(tx Tx, x db.Connection) error {
		if _, err := tx.Exec(ctx, `UPDATE palette_connections SET seq = $1, asked_at = $2, ended_at = $3, good_at = $4, state = $5, problem = $6 WHERE name = $7`,
			s.Seq, moment(s.Asked), moment(s.Ended), moment(s.Good), clean(s.State), clean(s.Problem), name); err != nil || s.Seq <= x.Sync.Seq {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM palette_shown WHERE connection = $1 AND NOT EXISTS (
 SELECT 1 FROM packs p JOIN versions v ON v.pack_id = p.id
 WHERE p.namespace = $2 AND p.name = palette_shown.pack AND v.version = palette_shown.version AND v.live)`, name, x.Namespace)
		return err
	})
}

// SetShown implements db.Palette.
func (c *Catalogue) SetShown(ctx context.Context, name, uid, packName string, shown []db.Shown) error {
	n := len(shown)
	names, packs, versions := make([]string, n), make([]string, n), make([]string, n)
	revisions, since := make([]int64, n), make([]int64, n)
	args := []any{name, packName}
	for i, s := range shown {
		names[i], packs[i], versions[i], revisions[i], since[i] = name, packName, s.Version, int64(s.Revision), micros(s.Since)
		args = append(args, s.Version)
	}
	if err := checkStorable(append(versions, packName)...); err != nil {
		return err
	}
	return c.withConnection(ctx, name, uid, func(tx Tx, _ db.Connection) error {
		drop := `DELETE FROM palette_shown WHERE connection = $1 AND pack = $2`
		if n > 0 {
			drop += ` AND version NOT IN (` + placeholders(3, n) + `)`
		}
		if _, err := tx.Exec(ctx, drop, args...); err != nil || n == 0 {
			return err
		}
		return tx.Insert(ctx, "palette_shown", `ON CONFLICT (connection, pack, version) DO UPDATE SET revision = excluded.revision, since = excluded.since
 WHERE palette_shown.revision <> excluded.revision`,
			Column{"connection", names}, Column{"pack", packs}, Column{"version", versions}, Column{"revision", revisions}, Column{"since", since})
	})
}

// shownVersions are the versions of a connection's namespace, with what it shows of each.
const shownVersions = ` FROM palette_connections c JOIN packs p ON p.namespace = c.namespace JOIN versions v ON v.pack_id = p.id AND v.live
 LEFT JOIN palette_shown s ON s.connection = c.name AND s.pack = p.name AND s.version = v.version AND s.revision = v.revision
 WHERE c.name = $1`

// Unshown implements db.Palette.
func (c *Catalogue) Unshown(ctx context.Context, name string, limit int) ([]db.Unshown, error) {
	list := []db.Unshown{}
	if !storable(name) {
		return list, nil
	}
	rows, err := c.b.Direct().Query(ctx, `SELECT p.name, v.version, v.revision, v.pushed_at`+shownVersions+
		` AND s.connection IS NULL ORDER BY v.pushed_at DESC, p.name, v.sort_key DESC LIMIT $2`, name, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var u db.Unshown
		var revision, pushed int64
		if err := rows.Scan(&u.Pack, &u.Version, &revision, &pushed); err != nil {
			return nil, err
		}
		u.Revision, u.PushedAt = int(revision), fromMicros(pushed)
		list = append(list, u)
	}
	return list, rows.Err()
}

// ShownIn implements db.Palette.
func (c *Catalogue) ShownIn(ctx context.Context, namespace, packName, version string, revision int) ([]pack.Visible, error) {
	list := []pack.Visible{}
	if !storable(namespace, packName, version) {
		return list, nil
	}
	rows, err := c.b.Direct().Query(ctx, `SELECT c.name, c.palette, s.since FROM palette_shown s JOIN palette_connections c ON c.name = s.connection
 WHERE s.pack = $1 AND s.version = $2 AND s.revision = $3 AND c.namespace = $4 ORDER BY c.name`, packName, version, revision, namespace)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s pack.Visible
		var since int64
		if err := rows.Scan(&s.Entry, &s.Palette, &since); err != nil {
			return nil, err
		}
		s.Since = fromMicros(since)
		list = append(list, s)
	}
	return list, rows.Err()
}

// Standing implements db.Palette.
func (c *Catalogue) Standing(ctx context.Context, name string) (db.Standing, error) {
	var s db.Standing
	if !storable(name) {
		return s, nil
	}
	err := c.b.Read(ctx, func(tx Tx) error {
		var oldest, shown, all int64
		s = db.Standing{}
		if err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(min(ch.at), 0) FROM palette_connections c
 JOIN changes ch ON ch.namespace = c.namespace AND ch.seq > c.seq
 WHERE c.name = $1 AND (c.kind = 'pack' OR ch.type LIKE 'version.%')`, name).Scan(&s.Changes, &oldest); err != nil {
			return notMissing(err)
		}
		if err := tx.QueryRow(ctx, `SELECT count(*), count(s.connection)`+shownVersions, name).Scan(&all, &shown); err != nil {
			return notMissing(err)
		}
		s.Oldest, s.Shown, s.Unshown = fromMoment(oldest), int(shown), int(all-shown)
		return nil
	})
	return s, err
}
