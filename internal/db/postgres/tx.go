package postgres

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

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
	timer := time.AfterFunc(t.answer, cancel)
	r, err := t.q.Query(bounded, query, args...)
	timer.Stop()
	if err != nil {
		cancel()
		return nil, mapError(ctx, err)
	}
	return &rows{ctx: ctx, r: r, cancel: cancel, timer: timer, answer: t.answer}, nil
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

// rows is a sqlcat.Rows. Only the server's silence is bounded, not the time that the
// reader takes between two rows: a slow mirror reads the catalogue for long.
type rows struct {
	ctx    context.Context // the caller's
	r      pgx.Rows
	cancel context.CancelFunc
	timer  *time.Timer // cancels
	answer time.Duration
}

func (r *rows) Next() bool {
	r.timer.Reset(r.answer)
	defer r.timer.Stop()
	return r.r.Next()
}

func (r *rows) Scan(dest ...any) error { return mapError(r.ctx, r.r.Scan(dest...)) }

// ScanRaw implements sqlcat.Rows. Without prepared statements (default_query_exec_mode) the
// server sends numbers as text.
func (r *rows) ScanRaw(dest ...any) error {
	fields, values := r.r.FieldDescriptions(), r.r.RawValues()
	if len(dest) != len(values) {
		return pack.Errorf(pack.KindInternal, "", "%d columns for %d places", len(values), len(dest))
	}
	for i, d := range dest {
		var err error
		switch d := d.(type) {
		case *sql.RawBytes:
			*d = values[i]
		case *int64:
			*d, err = rawInt(fields[i].Format, values[i])
		default:
			err = fmt.Errorf("a place of type %T", d)
		}
		if err != nil {
			return pack.Wrap(pack.KindInternal, err, "the catalogue could not read a row")
		}
	}
	return nil
}

func rawInt(format int16, value []byte) (int64, error) {
	switch {
	case format == pgtype.TextFormatCode:
		return strconv.ParseInt(string(value), 10, 64)
	case len(value) == 8:
		return int64(binary.BigEndian.Uint64(value)), nil
	case len(value) == 4:
		return int64(int32(binary.BigEndian.Uint32(value))), nil
	}
	return 0, fmt.Errorf("a number of %d bytes", len(value))
}

// Close reads what is left, which the server may also keep us waiting for.
func (r *rows) Close() {
	r.timer.Reset(r.answer)
	r.r.Close()
	r.timer.Stop()
	r.cancel()
}

func (r *rows) Err() error { return mapError(r.ctx, r.r.Err()) }

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
