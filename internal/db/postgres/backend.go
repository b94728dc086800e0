package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"packregistry/internal/db/sqlcat"
)

const (
	// attempts bounds how often a writing transaction is tried.
	attempts = 8
	// endTimeout bounds a COMMIT or ROLLBACK, which do not end with the caller's context.
	endTimeout = 30 * time.Second
	// answerTimeout bounds what a statement waits for the server's next word: one that
	// froze, or a network that lost it, says nothing for as long as TCP believes in it.
	answerTimeout = 30 * time.Second
	// silenceLimit is when the server ends a writing transaction whose process says
	// nothing more. A process that froze or lost its network would else hold the row of
	// the feed, and stop all replicas from writing, for hours.
	silenceLimit = time.Minute
)

// backend is the sqlcat.Backend.
type backend struct {
	pool            *pgxpool.Pool
	answer, silence time.Duration // answerTimeout, silenceLimit
}

func newBackend(pool *pgxpool.Pool) *backend {
	return &backend{pool: pool, answer: answerTimeout, silence: silenceLimit}
}

var _ sqlcat.Backend = (*backend)(nil)

// Dialect implements sqlcat.Backend.
func (b *backend) Dialect() sqlcat.Dialect {
	return sqlcat.Dialect{
		Name: "postgres", ForUpdate: " FOR UPDATE", HoldOn: "SET LOCAL idle_in_transaction_session_timeout = 0",
		Separator: sqlcat.UnitSeparator, SeparatorSQL: "chr(31)", // there is no NUL
		Clock: "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
	}
}

// Direct implements sqlcat.Backend.
func (b *backend) Direct() sqlcat.Tx { return tx{b.pool, b.answer} }

// Read implements sqlcat.Backend.
func (b *backend) Read(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.transact(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

// Write implements sqlcat.Backend. It is READ COMMITTED: rows are locked where it matters.
func (b *backend) Write(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.write(ctx, "", fn)
}

// WriteShort implements sqlcat.Backend: commits that wait at the same time share a sync as it is.
func (b *backend) WriteShort(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.Write(ctx, fn)
}

// WriteSoft implements sqlcat.Backend.
func (b *backend) WriteSoft(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.write(ctx, "; SET LOCAL synchronous_commit = off", fn)
}

func (b *backend) write(ctx context.Context, settings string, fn func(sqlcat.Tx) error) error {
	// Not a parameter of the connection: a transaction pooler would refuse it.
	opts := pgx.TxOptions{BeginQuery: fmt.Sprintf(
		"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = %d", b.silence.Milliseconds()) + settings}
	for try := 1; ; try++ {
		err := b.transact(ctx, opts, fn)
		if !errors.Is(err, sqlcat.ErrAgain) && !isCollision(err) {
			return err
		}
		if try == attempts || ctx.Err() != nil {
			return mapError(ctx, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(try) * int64(10*time.Millisecond)))):
		}
	}
}

func (b *backend) transact(ctx context.Context, opts pgx.TxOptions, fn func(sqlcat.Tx) error) error {
	begin, cancel := context.WithTimeout(ctx, b.answer)
	t, err := b.pool.BeginTx(begin, opts)
	cancel()
	if err != nil {
		return mapError(ctx, err)
	}
	defer func() { // also when fn panics; after a commit it does nothing
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		_ = t.Rollback(end) // a connection on which it fails is closed, which rolls back too
	}()
	if err := fn(tx{t, b.answer}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return mapError(ctx, err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return mapError(ctx, t.Commit(end))
}

// querier is what pools and transactions have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
