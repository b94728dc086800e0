package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// maxStatements bounds the prepared statements a connection keeps.
const maxStatements = 256

// conn is a connection with its prepared statements. One user at a time.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
	soft  bool // commits may not wait for the disk now
}

// setSoft changes that. It takes no time, and is not interrupted: the driver reports the end of a context also for what has worked.
func (c *conn) setSoft(ctx context.Context, soft bool) error {
	if c.soft == soft {
		return nil
	}
	level := "FULL"
	if soft {
		level = "NORMAL" // in WAL mode: not before the next checkpoint, or FULL commit
	}
	c.soft = true // until it is known not to be
	if err := c.exec(context.WithoutCancel(ctx), "PRAGMA synchronous = "+level); err != nil {
		return err
	}
	c.soft = soft
	return nil
}

// prepare returns the statement for a query with $n placeholders.
func (c *conn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.closeStatements()
	}
	s, err := c.c.PrepareContext(ctx, numbered(query))
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) closeStatements() {
	for q, s := range c.stmts {
		s.Close() // closing a statement that can be prepared again tells nothing
		delete(c.stmts, q)
	}
}

func (c *conn) close() error {
	c.closeStatements()
	return c.c.Close()
}

// numbered turns $1 into ?1, which SQLite takes by number. No statement has a $
// before a digit elsewhere.
func numbered(query string) string {
	b := []byte(query)
	for i := 0; i+1 < len(b); i++ {
		if b[i] == '$' && b[i+1] >= '0' && b[i+1] <= '9' {
			b[i] = '?'
		}
	}
	return string(b)
}

// errClosed is what a closed pool answers.
var errClosed = errors.New("the database is closed")

// pool hands out connections, which it opens when needed and keeps.
type pool struct {
	db     *sql.DB
	tokens chan struct{} // as many as connections may be in use

	mu     sync.Mutex
	free   []*conn // the last used one last, so that a warm one is taken
	closed chan struct{}
}

func newPool(source string, size int) (*pool, error) {
	d, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	d.SetMaxIdleConns(-1) // the pool keeps them itself: what it closes is to be closed, and not to come back as it is
	return &pool{db: d, tokens: make(chan struct{}, size), closed: make(chan struct{})}, nil
}

// get waits for a connection.
func (p *pool) get(ctx context.Context) (*conn, error) { return p.getUnless(ctx, nil) }

// getUnless is get that gives nil when it is not needed any more.
func (p *pool) getUnless(ctx context.Context, done <-chan struct{}) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.closed:
		return nil, errClosed
	case <-done:
		return nil, nil
	default:
	}
	select {
	case p.tokens <- struct{}{}:
	case <-done:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errClosed
	}
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.connect(ctx)
	if err != nil {
		<-p.tokens
		return nil, err
	}
	return &conn{c: c, stmts: make(map[string]*sql.Stmt)}, nil
}

// connect opens a connection. Turning a new file to WAL needs it alone, and SQLite
// does not wait for that as it does elsewhere: of processes that start together all
// but one are told that it is busy.
func (p *pool) connect(ctx context.Context) (*sql.Conn, error) {
	giveUp := time.Now().Add(busyTimeout)
	for {
		c, err := p.db.Conn(ctx)
		if !isBusy(err) || time.Now().After(giveUp) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
		}
	}
}

// put gives a connection back; a broken one is closed.
func (p *pool) put(c *conn, broken bool) {
	defer func() { <-p.tokens }()
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		broken = true
	default:
	}
	if broken {
		c.close() // nothing was written on it that is not rolled back by this
		return
	}
	p.free = append(p.free, c)
}

// close ends all connections, after those in use are given back.
func (p *pool) close() error {
	p.mu.Lock()
	close(p.closed)
	for _, c := range p.free {
		c.close()
	}
	p.free = nil
	p.mu.Unlock()
	for range cap(p.tokens) {
		p.tokens <- struct{}{}
	}
	return p.db.Close()
}
