package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"packregistry/internal/db/sqlcat"
)

// attempts bounds how often a writing transaction is tried when another process
// is in the way for longer than the busy timeout or the catalogue asks for another try.
const attempts = 8

// backend is the sqlcat.Backend.
type backend struct {
	writer, readers *pool
	epoch           *epoch
	syncs           bool  // commits reach the disk
	openErr         error // of the pools, told by the first use
	group           group

	commits atomic.Int64
	wrote   chan struct{} // holds one when there was a commit
}

var _ sqlcat.Backend = (*backend)(nil)

func newBackend(writeSource, readSource string, shared *epoch) *backend {
	b := &backend{epoch: shared, wrote: make(chan struct{}, 1)}
	b.writer, b.openErr = newPool(writeSource, 1)
	if b.openErr == nil {
		b.readers, b.openErr = newPool(readSource, maxReaders)
	}
	return b
}

// Dialect implements sqlcat.Backend. A writing transaction is alone: no row locks.
func (b *backend) Dialect() sqlcat.Dialect {
	return sqlcat.Dialect{Name: "sqlite", SeparatorSQL: "char(0)"}
}

// Direct implements sqlcat.Backend.
func (b *backend) Direct() sqlcat.Tx { return direct{b} }

// Read implements sqlcat.Backend: in WAL mode a transaction reads what was
// committed before its first statement, whatever is written meanwhile.
func (b *backend) Read(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.withReader(ctx, func(c *conn) error {
		return transact(ctx, c, "BEGIN", fn)
	})
}

// Write implements sqlcat.Backend.
func (b *backend) Write(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.write(ctx, false, fn)
}

// WriteShort implements sqlcat.Backend.
func (b *backend) WriteShort(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.writeShort(ctx, false, fn)
}

// WriteSoft implements sqlcat.Backend. A later commit that is not soft syncs what this has written too.
func (b *backend) WriteSoft(ctx context.Context, fn func(sqlcat.Tx) error) error {
	return b.writeShort(ctx, true, fn)
}

func (b *backend) write(ctx context.Context, soft bool, fn func(sqlcat.Tx) error) error {
	for try := 1; ; try++ {
		err := b.withWriter(ctx, func(c *conn) error { return b.once(ctx, c, soft, fn) })
		again := errors.Is(err, sqlcat.ErrAgain)
		if !again && !isBusy(err) {
			return err
		}
		if try == attempts || ctx.Err() != nil {
			return mapError(ctx, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}

// once is one try at a write by itself.
func (b *backend) once(ctx context.Context, c *conn, soft bool, fn func(sqlcat.Tx) error) error {
	defer b.epoch.raise() // whatever the answer, it may have been committed
	if err := c.setSoft(ctx, soft && b.syncs); err != nil {
		return err
	}
	err := transact(ctx, c, "BEGIN IMMEDIATE", fn)
	if err == nil {
		b.committed(1)
	}
	return err
}

// committed tells the upkeep of so many writes.
func (b *backend) committed(writes int) {
	b.commits.Add(int64(writes))
	select {
	case b.wrote <- struct{}{}:
	default:
	}
}

// transact runs fn in a transaction on c.
func transact(ctx context.Context, c *conn, begin string, fn func(sqlcat.Tx) error) (err error) {
	if err := c.begin(ctx, begin); err != nil {
		return err
	}
	// The end of a transaction must not be cut short, or the connection stays in it.
	end := context.WithoutCancel(ctx)
	done := false
	defer func() {
		if !done { // also when fn panics
			err = errors.Join(err, c.rollback())
		}
	}()
	if err := fn(tx{c}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return mapError(ctx, err)
	}
	if err := c.exec(end, "COMMIT"); err != nil {
		return err
	}
	done = true
	return nil
}

func (b *backend) withWriter(ctx context.Context, fn func(*conn) error) error {
	return b.with(ctx, b.writer, fn)
}

func (b *backend) withReader(ctx context.Context, fn func(*conn) error) error {
	return b.with(ctx, b.readers, fn)
}

func (b *backend) with(ctx context.Context, p *pool, fn func(*conn) error) error {
	if b.openErr != nil {
		return mapError(ctx, b.openErr)
	}
	c, err := p.get(ctx)
	if err != nil {
		return mapError(ctx, err)
	}
	broken := true // a panic in fn leaves the connection in an unknown state
	defer func() { p.put(c, broken) }()
	err = fn(c)
	broken = isBroken(err)
	return err
}

func (b *backend) close() error {
	if b.openErr != nil {
		return nil
	}
	return errors.Join(b.readers.close(), b.writer.close())
}

// session lets the migrations use a connection.
type session struct {
	ctx context.Context
	c   *conn
}

func (s *session) Begin() error { return s.c.begin(s.ctx, "BEGIN IMMEDIATE") }
func (s *session) Commit() error {
	s.c.closeStatements()
	return s.c.exec(context.WithoutCancel(s.ctx), "COMMIT")
}

func (s *session) Rollback() error       { return s.c.exec(context.WithoutCancel(s.ctx), "ROLLBACK") }
func (s *session) Exec(sql string) error { return s.c.exec(s.ctx, sql) }

func (s *session) Int(sql string) (n int, err error) {
	err = s.c.queryRow(s.ctx, sql).Scan(&n)
	return n, err
}

func (s *session) HasTable(name string) (bool, error) {
	var n int
	err := s.c.queryRow(s.ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1", name).Scan(&n)
	return n > 0, err
}
