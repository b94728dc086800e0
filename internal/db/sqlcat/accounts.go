package sqlcat

import (
	"context"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// ListAccounts implements db.Accounts.
func (c *Catalogue) ListAccounts(ctx context.Context) ([]db.Account, error) {
	rows, err := c.b.Direct().Query(ctx, `SELECT name, hash, role, updated_at FROM accounts ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []db.Account{}
	for rows.Next() {
		var a db.Account
		var at int64
		if err := rows.Scan(&a.Name, &a.Hash, &a.Role, &at); err != nil {
			return nil, err
		}
		a.UpdatedAt = fromMicros(at)
		list = append(list, a)
	}
	return list, rows.Err()
}

// PutAccount implements db.Accounts. UpdatedAt is now when not given.
func (c *Catalogue) PutAccount(ctx context.Context, a db.Account) error {
	if err := checkStorable(a.Name, a.Hash, a.Role); err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO accounts (name, hash, role, updated_at) VALUES ($1, $2, $3, $4)
 ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, role = excluded.role, updated_at = excluded.updated_at`,
			a.Name, a.Hash, a.Role, c.accountTime(a))
		return err
	})
}

// CreateFirstAccount implements db.Accounts. The feed row, which is always there,
// is the lock that makes replicas take turns.
func (c *Catalogue) CreateFirstAccount(ctx context.Context, a db.Account) (bool, error) {
	if err := checkStorable(a.Name, a.Hash, a.Role); err != nil {
		return false, err
	}
	created := false
	err := c.b.Write(ctx, func(tx Tx) error {
		var head int64
		if err := tx.QueryRow(ctx, `SELECT head FROM feed WHERE id = 1`+c.b.Dialect().ForUpdate).Scan(&head); err != nil {
			return notMissing(err)
		}
		n, err := tx.Exec(ctx, `INSERT INTO accounts (name, hash, role, updated_at)
 SELECT $1, $2, $3, CAST($4 AS bigint) WHERE NOT EXISTS (SELECT 1 FROM accounts)`, a.Name, a.Hash, a.Role, c.accountTime(a))
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (c *Catalogue) accountTime(a db.Account) int64 {
	if a.UpdatedAt.IsZero() {
		return micros(c.now())
	}
	return micros(a.UpdatedAt)
}

// DeleteAccount implements db.Accounts.
func (c *Catalogue) DeleteAccount(ctx context.Context, name string) error {
	var n int64
	if storable(name) {
		err := c.b.Write(ctx, func(tx Tx) error {
			var err error
			n, err = tx.Exec(ctx, `DELETE FROM accounts WHERE name = $1`, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return pack.Errorf(pack.KindNotFound, "account_not_found", "there is no account %q", name)
	}
	return nil
}
