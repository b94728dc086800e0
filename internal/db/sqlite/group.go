package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"

	sqlitedriver "modernc.org/sqlite"

	"packregistry/internal/db/sqlcat"
)

// mostTogether bounds how many writes are committed at once, and so how long the last of them waits.
const mostTogether = 16

// group holds the short writes that wait for the writing connection. Whoever gets it runs all that have come meanwhile in one
// transaction: they share its sync, and the pages that each of them would else have written again.
type group struct {
	mu      sync.Mutex
	waiting []*member // the oldest first
}

// member is a write that waits. What is below fn is its leader's until done is closed.
type member struct {
	ctx  context.Context
	soft bool
	fn   func(sqlcat.Tx) error

	done    chan struct{}
	settled bool // err is its answer; else it was undone, or not begun, and is to be run by itself
	err     error
}

func (m *member) settle(err error) { m.settled, m.err = true, err }

func (g *group) add(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, m)
}

// remove is false when a leader has m already.
func (g *group) remove(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, m)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// take gives the oldest.
func (g *group) take() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(mostTogether, len(g.waiting))
	taken := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return taken
}

// writeShort runs fn together with others that wait, and by itself when that failed or nobody else does.
func (b *backend) writeShort(ctx context.Context, soft bool, fn func(sqlcat.Tx) error) error {
	m := &member{ctx: ctx, soft: soft, fn: fn, done: make(chan struct{})}
	if b.openErr == nil && b.join(m) {
		return m.err
	}
	return b.write(ctx, soft, fn)
}

// join reports whether m is settled.
func (b *backend) join(m *member) bool {
	b.group.add(m)
	for {
		c, err := b.writer.getUnless(m.ctx, m.done)
		switch {
		case c != nil:
			b.lead(c, m)
		case err == nil: // somebody else has run it
			return m.settled
		case b.group.remove(m):
			m.settle(mapError(m.ctx, err))
			return true
		default: // it is being run
			<-m.done
			return m.settled
		}
	}
}

// lead runs those who wait, of whom its caller is or was one, on a connection, and gives it back.
func (b *backend) lead(c *conn, caller *member) {
	members := b.group.take()
	broken := true // a panic leaves the connection in an unknown state
	defer func() {
		for _, m := range members {
			close(m.done)
		}
		b.writer.put(c, broken)
	}()
	var err error
	switch {
	case len(members) > 1:
		err = b.runTogether(c, members)
	case slices.Contains(members, caller):
		err = b.once(caller.ctx, c, caller.soft, caller.fn)
		if err == nil || !errors.Is(err, sqlcat.ErrAgain) && !isBusy(err) {
			caller.settle(err)
		}
	}
	broken = isBroken(err) || errors.Is(err, errPanic)
}

// runTogether settles those whose answer is known. The error is that of the transaction.
func (b *backend) runTogether(c *conn, members []*member) (err error) {
	defer b.epoch.raise() // whatever the answer, it may have been committed
	// The end of one request must not undo what others have done: once begun, nothing is interrupted.
	ctx := context.Background()
	soft := b.syncs && !slices.ContainsFunc(members, func(m *member) bool { return !m.soft })
	if err := c.setSoft(ctx, soft); err != nil {
		return err
	}
	if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, c.exec(ctx, "ROLLBACK"))
		}
	}()
	var ran []*member
	for _, m := range members {
		if err := m.ctx.Err(); err != nil {
			m.settle(mapError(m.ctx, err))
			continue
		}
		t := &groupTx{tx: tx{c}}
		err := runMember(m, t)
		switch {
		case err == nil:
			ran = append(ran, m)
		case t.wrote || !harmless(err):
			return err // undone with all others; alone it fails without harm to anybody
		default:
			m.settle(err)
		}
	}
	err = c.exec(ctx, "COMMIT")
	open = err != nil
	if isBusy(err) {
		return err
	}
	for _, m := range ran {
		m.settle(err)
	}
	if err == nil {
		b.committed(len(ran))
	}
	return err
}

var errPanic = errors.New("a write has panicked")

// runMember turns a panic, which is for the one whose fn it is, into an error that has everybody run by itself.
func runMember(m *member, t sqlcat.Tx) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return m.fn(t)
}

// harmless is an error after which the transaction stands: one that the database did not give.
func harmless(err error) bool {
	var fromDatabase *sqlitedriver.Error
	return !errors.As(err, &fromDatabase) && !errors.Is(err, errPanic) && !errors.Is(err, sqlcat.ErrAgain) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !isBroken(err)
}

// groupTx is a transaction of a group: it remembers whether one of them has written.
type groupTx struct {
	tx
	wrote bool
}

func (t *groupTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.wrote = true
	return t.tx.Exec(context.WithoutCancel(ctx), query, args...)
}

func (t *groupTx) Insert(ctx context.Context, table, suffix string, columns ...sqlcat.Column) error {
	t.wrote = true
	return t.tx.Insert(context.WithoutCancel(ctx), table, suffix, columns...)
}

func (t *groupTx) Query(ctx context.Context, query string, args ...any) (sqlcat.Rows, error) {
	t.wrote = t.wrote || !reads(query)
	return t.tx.Query(context.WithoutCancel(ctx), query, args...)
}

func (t *groupTx) QueryRow(ctx context.Context, query string, args ...any) sqlcat.Row {
	t.wrote = t.wrote || !reads(query)
	return t.tx.QueryRow(context.WithoutCancel(ctx), query, args...)
}

// reads is false for what may write, such as INSERT with RETURNING.
func reads(query string) bool {
	const word = "SELECT"
	return len(query) >= len(word) && query[:len(word)] == word
}
