package sqlite

import (
	"cmp"
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

// look tells how many wait, and whether none of them has to wait for the disk.
func (g *group) look() (waiting int, soft bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting), !slices.ContainsFunc(g.waiting, func(m *member) bool { return !m.soft })
}

// take gives the oldest, for a transaction that is soft only those before the first that has to wait for the disk.
func (g *group) take(soft bool) []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(mostTogether, len(g.waiting))
	if hard := slices.IndexFunc(g.waiting[:n], func(m *member) bool { return !m.soft }); soft && hard >= 0 {
		n = hard
	}
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
			if err := b.lead(c, m); err != nil && b.group.remove(m) {
				return false // it did not come to it, such as when another process writes for long
			}
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

// lead runs those who wait, of whom its caller is one, on a connection, and gives it back.
func (b *backend) lead(c *conn, caller *member) (err error) {
	broken := true // a panic leaves the connection in an unknown state
	defer func() { b.writer.put(c, broken) }()
	select {
	case <-caller.done: // it has got the connection and its answer at once
		broken = false
		return nil
	default:
	}
	if waiting, soft := b.group.look(); waiting > 1 {
		err = b.runTogether(caller.ctx, c, soft && b.syncs)
	} else if b.group.remove(caller) {
		defer close(caller.done)
		// By itself it can be interrupted, and has its own panic.
		if err = b.once(caller.ctx, c, caller.soft, caller.fn); err == nil || !errors.Is(err, sqlcat.ErrAgain) && !isBusy(err) {
			caller.settle(err)
		}
	}
	broken = isBroken(err) || errors.Is(err, errPanic)
	return err
}

// runTogether settles those whose answer is known. The error is that of the transaction. Until it has begun, which may take as long
// as another process writes, nobody is taken, so that whoever ends can leave.
func (b *backend) runTogether(leader context.Context, c *conn, soft bool) (err error) {
	if err := c.setSoft(leader, soft); err != nil {
		return err
	}
	if err := c.begin(leader, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	members := b.group.take(soft)
	defer func() {
		b.epoch.raise() // whatever the answers, there may have been a commit
		for _, m := range members {
			close(m.done)
		}
	}()
	open := true
	defer func() {
		if open {
			err = errors.Join(err, c.rollback())
		}
	}()
	answers := make(map[*member]error, len(members)) // which hold when all is committed: they may come from what others have written
	for _, m := range members {
		if err := m.ctx.Err(); err != nil {
			m.settle(mapError(m.ctx, err))
			continue
		}
		t := &groupTx{tx: tx{c}}
		err := runMember(m, t)
		switch {
		case err == nil:
			answers[m] = nil
		case t.wrote || !harmless(err):
			return err // undone with all others; alone it fails without harm to anybody
		default:
			answers[m] = err
		}
	}
	// The end of one request must not undo what others have done.
	err = c.exec(context.Background(), "COMMIT")
	open = err != nil
	if open && !isBroken(err) {
		return err // nothing was committed: what has no room together may have it alone
	}
	written := 0
	for m, answer := range answers {
		m.settle(cmp.Or(err, answer))
		if answer == nil {
			written++
		}
	}
	if err == nil {
		b.committed(written)
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
