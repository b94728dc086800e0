package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// tx is a sqlcat.Tx whose statements do not wait longer than answer for the server.
type tx struct {
	q      querier
	answer time.Duration
}

func (t tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	bounded, cancel := context.WithTimeout(ctx, t.answer)
	defer cancel()
	tag, err := t.q.Exec(bounded, query, args...)
	return tag.RowsAffected(), mapError(ctx, err)
}

func (t tx) Query(ctx context.Context, query string, args ...any) (sqlcat.Rows, error) {
	bounded, cancel := context.WithCancel(ctx)
	wait := newSilence(t.answer, cancel)
	r, err := t.q.Query(bounded, query, args...)
	if err != nil {
		wait.stop()
		return nil, mapError(ctx, err)
	}
	wait.heard()
	return &rows{ctx: ctx, r: r, wait: wait}, nil
}

func (t tx) QueryRow(ctx context.Context, query string, args ...any) sqlcat.Row {
	bounded, cancel := context.WithTimeout(ctx, t.answer)
	return row{ctx, t.q.QueryRow(bounded, query, args...), cancel}
}

// Insert implements sqlcat.Tx with one statement whatever the number of rows: each
// column goes as an array.
func (t tx) Insert(ctx context.Context, table, suffix string, columns ...sqlcat.Column) error {
	names, arrays, args := make([]string, len(columns)), make([]string, len(columns)), make([]any, len(columns))
	n := 0
	for i, c := range columns {
		length, kind := 0, ""
		switch v := c.Values.(type) {
		case []string:
			length, kind = len(v), "text"
		case []int64:
			length, kind = len(v), "bigint"
		case []*string:
			length, kind = len(v), "text"
		case []*int64:
			length, kind = len(v), "bigint"
		case []bool:
			length, kind = len(v), "boolean"
		case [][]byte:
			length, kind = len(v), "bytea"
		default:
			return pack.Errorf(pack.KindInternal, "", "column %s holds %T", c.Name, c.Values)
		}
		if i > 0 && length != n {
			return pack.Errorf(pack.KindInternal, "", "column %s has %d values and not %d", c.Name, length, n)
		}
		n = length
		names[i], arrays[i], args[i] = c.Name, fmt.Sprintf("$%d::%s[]", i+1, kind), c.Values
	}
	if n == 0 {
		return nil
	}
	_, err := t.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT * FROM unnest(%s) %s",
		table, strings.Join(names, ", "), strings.Join(arrays, ", "), suffix), args...)
	return err
}

// row is a sqlcat.Row.
type row struct {
	ctx    context.Context // the caller's
	r      pgx.Row
	cancel context.CancelFunc
}

func (r row) Scan(dest ...any) error {
	defer r.cancel()
	return mapError(r.ctx, r.r.Scan(dest...))
}
