package sqlcat

import (
	"context"
	"errors"
	"time"

	"packregistry/internal/pack"
)

// TryLock implements db.Locks. The first statement makes and thereby locks the row, so those who ask take turns; the
// clock is read after that.
func (c *Catalogue) TryLock(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if err := checkStorable(name, holder); err != nil {
		return false, err
	}
	if holder == "" || ttl <= 0 {
		return false, pack.Errorf(pack.KindInvalid, "", "a lock needs a holder and a time")
	}
	var got bool
	err := c.b.Write(ctx, func(tx Tx) error {
		got = false
		var has string
		var expires int64
		if err := tx.QueryRow(ctx, `INSERT INTO locks (name, holder, term, expires_at) VALUES ($1, '', 0, 0)
 ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING holder, expires_at`, name).Scan(&has, &expires); err != nil {
			return notMissing(err)
		}
		now, err := c.clock(ctx, tx)
		if err != nil {
			return err
		}
		if has != holder && has != "" && expires > now {
			return nil
		}
		_, err = tx.Exec(ctx, `UPDATE locks SET term = term + CASE WHEN holder = $1 THEN 0 ELSE 1 END, holder = $1, expires_at = $2 WHERE name = $3`,
			holder, now+ttl.Microseconds(), name)
		got = err == nil
		return err
	})
	return got && err == nil, err
}

// clock is the time by which locks expire.
func (c *Catalogue) clock(ctx context.Context, tx Tx) (int64, error) {
	clock := c.b.Dialect().Clock
	if clock == "" {
		return micros(c.now()), nil
	}
	var now int64
	err := tx.QueryRow(ctx, `SELECT `+clock).Scan(&now)
	return now, notMissing(err)
}

// Unlock implements db.Locks.
func (c *Catalogue) Unlock(ctx context.Context, name, holder string) error {
	if holder == "" || !storable(name, holder) {
		return nil
	}
	return c.b.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE locks SET holder = '', expires_at = 0 WHERE name = $1 AND holder = $2`, name, holder)
		return err
	})
}

// LockHolder implements db.Locks.
func (c *Catalogue) LockHolder(ctx context.Context, name string) (string, error) {
	if !storable(name) {
		return "", nil
	}
	var holder string
	err := c.b.Read(ctx, func(tx Tx) error {
		holder = ""
		now, err := c.clock(ctx, tx)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT holder FROM locks WHERE name = $1 AND expires_at > $2`, name, now).Scan(&holder)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		return err
	})
	return holder, err
}
