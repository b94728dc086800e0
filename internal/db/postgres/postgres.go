// Package postgres keeps the catalogue in Postgres 13 or newer, for any number of
// server processes. What the catalogue does is in db/sqlcat; here is only how
// Postgres is spoken to.
//
// It works behind a transaction pooler when the URL has
// default_query_exec_mode=exec (statements are then not prepared); notifications do
// not pass such a pooler, which Live finds out and tells.
package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"packregistry/internal/db"
	"packregistry/internal/db/schema"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
	"packregistry/migrations"
)

const (
	// maxConns is the size of the pool when the URL does not say (pool_max_conns).
	maxConns = 20
	// connectTimeout bounds one attempt to connect when the URL does not (connect_timeout).
	connectTimeout = 10 * time.Second
	// readBuffer is how much of an answer is read at once, in bytes: a delta is some 250 KB, which Postgres sends, and
	// pgx alone would read, 8 KB at a time.
	readBuffer = 64 << 10
	// folder is that of the migrations.
	folder = "postgres"
)

// Options are what a catalogue needs besides its database.
type Options = sqlcat.Options

// DB is the catalogue in a Postgres database. It is a db.DB.
type DB struct {
	*sqlcat.Catalogue
	b      *backend
	listen *listener
	close  sync.Once
}

var _ db.DB = (*DB)(nil)

// CheckURL tells whether Open would understand the URL, and read the files that it names. It connects to nothing.
func CheckURL(url string) error {
	_, err := parse(url)
	return err
}

func parse(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err == nil {
		return cfg, nil
	}
	mend := "correct that part of the URL, or take it out"
	if strings.Contains(err.Error(), "sslmode is invalid") {
		mend = "use disable, allow, prefer, require, verify-ca or verify-full"
	}
	// The error of pgx quotes the URL, in which it has hidden passwords.
	return nil, pack.Wrap(pack.KindInvalid, fmt.Errorf("%w; %s", err, mend), "the URL of the database is not valid")
}

// Open connects, and brings the database to the newest schema. Of several processes
// that do so at once one migrates while the others wait. The URL is that of libpq,
// with the settings of pgx (pool_max_conns, default_query_exec_mode and so on).
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	opts = opts.WithDefaults()
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "packregistry"
	}
	// What the buffer holds is not in ReadBufferLen, so SyncConn and Hijack must not be used.
	cfg.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
	// A query whose caller has gone is cancelled in the server, and the connection lives on.
	cfg.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 2 * time.Second}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	b := newBackend(pool)
	if err := b.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	hub := &sqlcat.Hub{}
	d := &DB{Catalogue: sqlcat.New(b, hub, opts), b: b, listen: newListener(b, hub, opts.Log)}
	d.listen.start(ctx)
	return d, nil
}

// Ping implements db.DB.
func (d *DB) Ping(ctx context.Context) error { return mapError(ctx, d.b.pool.Ping(ctx)) }

// SchemaVersion implements db.DB.
func (d *DB) SchemaVersion(ctx context.Context) (applied, known int, err error) {
	if known, err = schema.Known(migrations.FS, folder); err != nil {
		return 0, 0, err
	}
	err = d.b.withSession(ctx, func(s *session) error {
		applied, err = schema.Applied(s)
		return err
	})
	return applied, known, err
}

// Live implements db.Feed: true while notifications are known to arrive.
func (d *DB) Live() bool { return d.listen.live.Load() }

// Close implements db.DB. It waits for what is running.
func (d *DB) Close() error {
	d.close.Do(func() {
		d.listen.close()
		d.b.pool.Close()
	})
	return nil
}
