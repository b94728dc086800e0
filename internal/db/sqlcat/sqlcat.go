// Package sqlcat is the catalogue in SQL: every rule of db.DB once, written
// against a tiny transaction that db/postgres and db/sqlite fulfil. The
// statements are the common ground of both databases, with $1 placeholders.
//
// Conventions of the tables:
//   - times are microseconds since 1970 UTC in bigint columns, so that both
//     databases keep and order the same;
//   - text orders and compares by its bytes (COLLATE "C" in Postgres, BINARY in
//     SQLite); pack.VersionKey makes version order out of byte order;
//   - lists and maps are JSON in text columns.
//
// Order of locks, so that no two transactions wait for each other: namespace,
// pack row, what belongs to the pack (revision, then its manifests), blobs in digest
// order, search index, the feed row last. For OCI content likewise: repository row or
// upload session row (of both, the repository first), blobs in digest order, what belongs to them, leases. The feed row is held from drawing a number to the commit,
// which is what makes numbers follow commit order.
package sqlcat

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// ErrNoRows is what Row.Scan returns when there is no row.
var ErrNoRows = errors.New("no rows")

// Rows is the answer to a query. Close may be called more than once.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	// Text is the only column, a text that is not NULL. It is true until the next call of Next, Text or Close.
	Text() (string, error)
	Close()
	Err() error
}

// Row is the first row of an answer, or ErrNoRows.
type Row interface {
	Scan(dest ...any) error
}

// Tx runs statements in one transaction. Errors are *pack.Error with the
// driver's error as cause, ErrNoRows, or wrap the context's error. Rows must be
// closed before the next statement.
type Tx interface {
	// Exec returns the number of rows affected.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Row
	// Insert adds many rows at once, given by column. The suffix, such as
	// "ON CONFLICT DO NOTHING", ends the statement. All columns are equally long;
	// their order is the order of the rows. A column may be an id that the database else draws itself.
	Insert(ctx context.Context, table, suffix string, columns ...Column) error
}

// Column is a column of rows to insert: Values is a []string, []int64, []bool or
// [][]byte; []*string and []*int64 where some are null.
type Column struct {
	Name   string
	Values any
}

// Dialect is the little that the two databases spell differently.
type Dialect struct {
	// Name is "postgres" or "sqlite".
	Name string
	// ForUpdate ends a SELECT that locks its rows until the transaction's end;
	// empty where a writing transaction is alone anyway.
	ForUpdate string
	// HoldOn lets a writing transaction keep its locks however long its process says
	// nothing; empty where it does so anyway.
	HoldOn string
	// Separator is a character that no text of a change holds, but for the one of who made it; SeparatorSQL is
	// an expression for it.
	Separator    byte
	SeparatorSQL string
	// Clock is an expression for now, in microseconds since 1970; empty where the process' own clock is
	// that of all who use the database.
	Clock string
}

// Backend gives transactions.
type Backend interface {
	// Direct runs each statement by itself, for reading. It costs one round trip a statement.
	Direct() Tx
	// Read runs fn in one consistent snapshot in which nothing can be written.
	Read(ctx context.Context, fn func(Tx) error) error
	// Write runs fn in a transaction and commits it when fn returns nil. Statements see
	// what was committed before they began (not: before the transaction began), so a lock
	// taken first makes the reads after it current. fn is run again, from the start,
	// after a deadlock or serialisation failure, so it must only set variables it sets anew.
	Write(ctx context.Context, fn func(Tx) error) error
	// WriteShort is Write for what takes moments and has no effect but on the database: it may be committed together with others
	// that wait, and be run again because one of them has failed.
	WriteShort(ctx context.Context, fn func(Tx) error) error
	// WriteSoft is WriteShort for what need not survive a crash of the database or its machine: it
	// does not wait for the disk.
	WriteSoft(ctx context.Context, fn func(Tx) error) error
	Dialect() Dialect
}

// Options are what a catalogue needs besides its database.
type Options struct {
	// Now is the clock for leases and for changes that have no time of their own; nil is time.Now.
	Now func() time.Time
	// Log gets what no caller is told, such as lost notification connections; nil discards.
	Log *slog.Logger
}

// WithDefaults fills what is not set.
func (o Options) WithDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Catalogue is the common part of a db.DB; a backend embeds it.
type Catalogue struct {
	b   Backend
	hub *Hub
	now func() time.Time
	log *slog.Logger
}

// New makes the catalogue over a migrated database. The hub is told of every
// change this process commits; the backend tells it of those of others.
func New(b Backend, hub *Hub, opts Options) *Catalogue {
	opts = opts.WithDefaults()
	return &Catalogue{b: b, hub: hub, now: opts.Now, log: opts.Log}
}

// micros is a time as the tables keep it.
func micros(t time.Time) int64 { return t.UnixMicro() }

// fromMicros is a time as the tables keep it, in UTC.
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
