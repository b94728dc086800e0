package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// exec runs statements that are not worth keeping, without arguments.
func (c *conn) exec(ctx context.Context, query string) error {
	_, err := c.c.ExecContext(ctx, query)
	return mapError(ctx, err)
}

func (c *conn) execArgs(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	res, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	n, err := res.RowsAffected()
	return n, mapError(ctx, err)
}

func (c *conn) query(ctx context.Context, query string, args ...any) (*rows, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	r, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	return &rows{ctx: ctx, r: r}, nil
}

func (c *conn) queryRow(ctx context.Context, query string, args ...any) sqlcat.Row {
	r, err := c.query(ctx, query, args...)
	return row{r, err}
}

// begin begins a transaction. After an error there is none: the driver reports the end of a context also for one that has begun.
func (c *conn) begin(ctx context.Context, begin string) error {
	err := c.exec(ctx, begin)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, c.rollback())
	}
	return err
}

// rollback ends a transaction, or has the connection closed, also when the database has rolled back by itself already.
func (c *conn) rollback() error {
	if err := c.exec(context.Background(), "ROLLBACK"); err != nil {
		return errors.Join(errLeftOpen, err)
	}
	return nil
}

// rows is a sqlcat.Rows.
type rows struct {
	ctx  context.Context
	r    *sql.Rows
	done func() // gives back what the query used; nil in a transaction
}

func (r *rows) Next() bool             { return r.r.Next() }
func (r *rows) Scan(dest ...any) error { return mapError(r.ctx, r.r.Scan(dest...)) }
func (r *rows) Err() error             { return mapError(r.ctx, r.r.Err()) }

// Text implements sqlcat.Rows.
func (r *rows) Text() (text string, err error) {
	err = r.Scan(&text)
	return text, err
}

func (r *rows) Close() {
	r.r.Close() // its error is that of Err
	if r.done != nil {
		r.done()
		r.done = nil
	}
}

// row is the first row of rows.
type row struct {
	rows *rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sqlcat.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	// Reading to the end finishes the statement, which tells errors that come late.
	r.rows.Next()
	return r.rows.Err()
}

// tx is a sqlcat.Tx on a connection that is in a transaction.
type tx struct{ c *conn }

func (t tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return t.c.execArgs(ctx, query, args...)
}

func (t tx) Query(ctx context.Context, query string, args ...any) (sqlcat.Rows, error) {
	r, err := t.c.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (t tx) QueryRow(ctx context.Context, query string, args ...any) sqlcat.Row {
	return t.c.queryRow(ctx, query, args...)
}

// insertAtOnce is how many rows one statement inserts at most. What is left over
// goes in smaller powers of two, so that few statements have to be kept.
const insertAtOnce = 64

// Insert implements sqlcat.Tx.
func (t tx) Insert(ctx context.Context, table, suffix string, columns ...sqlcat.Column) error {
	get := make([]func(int) any, len(columns))
	names := make([]string, len(columns))
	n := 0
	for i, c := range columns {
		names[i] = c.Name
		length := 0
		switch v := c.Values.(type) {
		case []string:
			length, get[i] = len(v), func(i int) any { return v[i] }
		case []int64:
			length, get[i] = len(v), func(i int) any { return v[i] }
		case []*string:
			length, get[i] = len(v), func(i int) any { return v[i] }
		case []*int64:
			length, get[i] = len(v), func(i int) any { return v[i] }
		case []bool:
			length, get[i] = len(v), func(i int) any { return v[i] }
		case [][]byte:
			length, get[i] = len(v), func(i int) any { return v[i] }
		default:
			return pack.Errorf(pack.KindInternal, "", "column %s holds %T", c.Name, c.Values)
		}
		if i > 0 && length != n {
			return pack.Errorf(pack.KindInternal, "", "column %s has %d values and not %d", c.Name, length, n)
		}
		n = length
	}
	head := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", table, strings.Join(names, ", "))
	args := make([]any, 0, insertAtOnce*len(columns))
	for at, size := 0, insertAtOnce; at < n; at += size {
		for size > n-at {
			size /= 2
		}
		args = args[:0]
		for i := at; i < at+size; i++ {
			for _, g := range get {
				args = append(args, g(i))
			}
		}
		if _, err := t.c.execArgs(ctx, head+tuples(size, len(columns))+" "+suffix, args...); err != nil {
			return err
		}
	}
	return nil
}

// tuples gives "($1, $2), ($3, $4)" for 2 rows of 2.
func tuples(rows, columns int) string {
	var b strings.Builder
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		for c := range columns {
			b.WriteString([...]string{"(", ", "}[min(c, 1)])
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(r*columns + c + 1))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// direct is a sqlcat.Tx whose statements stand alone, each on a reading connection.
type direct struct{ b *backend }

var errReadOnly = errors.New("only reading is possible outside a transaction")

func (d direct) Exec(context.Context, string, ...any) (int64, error) {
	return 0, pack.Wrap(pack.KindInternal, errReadOnly, "the catalogue refused a statement")
}

func (d direct) Insert(context.Context, string, string, ...sqlcat.Column) error {
	return pack.Wrap(pack.KindInternal, errReadOnly, "the catalogue refused a statement")
}

func (d direct) Query(ctx context.Context, query string, args ...any) (sqlcat.Rows, error) {
	r, err := d.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (d direct) QueryRow(ctx context.Context, query string, args ...any) sqlcat.Row {
	r, err := d.query(ctx, query, args...)
	return row{r, err}
}

// query keeps the connection until the rows are closed.
func (d direct) query(ctx context.Context, query string, args ...any) (*rows, error) {
	if d.b.openErr != nil {
		return nil, mapError(ctx, d.b.openErr)
	}
	c, err := d.b.readers.get(ctx)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	r, err := c.query(ctx, query, args...)
	if err != nil {
		d.b.readers.put(c, isBroken(err))
		return nil, err
	}
	r.done = func() { d.b.readers.put(c, isBroken(r.Err())) }
	return r, nil
}
