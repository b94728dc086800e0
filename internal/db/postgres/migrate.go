package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"packregistry/internal/db/schema"
	"packregistry/migrations"
)

// migrationLock is the advisory lock under which one process migrates. It is held by
// the transaction, not the session, for a transaction pooler would mix sessions up.
const migrationLock = 7_022_417_116_337 // any number, always the same

func (b *backend) migrate(ctx context.Context) error {
	return b.withSession(ctx, func(s *session) error {
		return mapError(ctx, schema.Up(s, migrations.FS, folder))
	})
}

func (b *backend) withSession(ctx context.Context, fn func(*session) error) error {
	c, err := b.pool.Acquire(ctx)
	if err != nil {
		return mapError(ctx, err)
	}
	defer c.Release() // one that is still in a transaction is closed by the pool
	return fn(&session{ctx: ctx, c: c})
}

// session is a schema.Session.
type session struct {
	ctx context.Context
	c   *pgxpool.Conn
	tx  pgx.Tx
}

func (s *session) Begin() (err error) {
	if s.tx, err = s.c.BeginTx(s.ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}); err != nil {
		return mapError(s.ctx, err)
	}
	_, err = s.tx.Exec(s.ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock))
	return mapError(s.ctx, err)
}

func (s *session) Commit() error {
	end, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), endTimeout)
	defer cancel()
	return mapError(s.ctx, s.tx.Commit(end))
}

func (s *session) Rollback() error {
	end, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), endTimeout)
	defer cancel()
	return mapError(s.ctx, s.tx.Rollback(end))
}

// Exec speaks the simple protocol, which takes several statements at once.
func (s *session) Exec(sql string) error {
	_, err := s.c.Conn().PgConn().Exec(s.ctx, sql).ReadAll()
	return mapError(s.ctx, err)
}

func (s *session) Int(sql string) (n int, err error) {
	err = s.c.QueryRow(s.ctx, sql).Scan(&n)
	return n, mapError(s.ctx, err)
}

func (s *session) HasTable(name string) (there bool, err error) {
	err = s.c.QueryRow(s.ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
	return there, mapError(s.ctx, err)
}
