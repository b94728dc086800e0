// Package sqlite keeps the catalogue in one SQLite file, for a server that needs
// nothing else: WAL, synchronous=FULL, one writing connection and some reading ones.
// Other processes may open the same file at the same time (the admin verbs do).
// What the catalogue does is in db/sqlcat; here is only how SQLite is spoken to.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/schema"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
	"packregistry/migrations"
)

const (
	// maxReaders bounds the reading connections; more readers wait for one. Each
	// costs up to 2 MiB of page cache.
	maxReaders = 16
	// busyTimeout is how long to wait for a writer in another process.
	busyTimeout = 20 * time.Second
	// pollEvery is how often commits of other processes are looked for.
	pollEvery = 200 * time.Millisecond
	// folder is that of the migrations.
	folder = "sqlite"
)

// Options are what a catalogue needs besides its database.
type Options = sqlcat.Options

// DB is the catalogue in a SQLite file. It is a db.DB.
type DB struct {
	*sqlcat.Catalogue
	b      *backend
	hub    *sqlcat.Hub
	live   atomic.Bool
	stop   context.CancelFunc
	done   chan struct{} // closed when the poll has ended
	upkeep *upkeep
	temp   string // directory to remove at Close, for :memory:
	close  sync.Once
}

var _ db.DB = (*DB)(nil)

// Open opens the file, making it and its directory when there is none, and brings it
// to the newest schema. The path ":memory:" is a catalogue that is gone after Close: a
// file in a temporary directory, so that it behaves like any other, but not synced.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	opts = opts.WithDefaults()
	d := &DB{hub: &sqlcat.Hub{}, done: make(chan struct{})}
	sync := "FULL"
	if path == ":memory:" {
		dir, err := os.MkdirTemp("", "packregistry-db-")
		if err != nil {
			return nil, pack.Wrap(pack.KindUnavailable, err, "no temporary directory for the in-memory database")
		}
		d.temp, path, sync = dir, filepath.Join(dir, "registry.db"), "OFF"
	}
	if err := d.open(ctx, path, sync, opts); err != nil {
		d.removeTemp()
		return nil, err
	}
	return d, nil
}

func (d *DB) open(ctx context.Context, path, sync string, opts sqlcat.Options) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return pack.Wrap(pack.KindUnavailable, err, "the database file cannot be found")
	}
	isNew, err := makeFile(path)
	if err != nil {
		return err
	}
	shared, err := openEpoch(path)
	if err != nil {
		return pack.Wrap(pack.KindUnavailable, err, "the database cannot be shared with other processes")
	}
	d.b = newBackend(dataSource(path, sync, false), dataSource(path, sync, true), shared)
	d.b.syncs = sync == "FULL"
	err = d.b.withWriter(ctx, func(c *conn) error {
		return schema.Up(&session{ctx: ctx, c: c}, migrations.FS, folder)
	})
	if err == nil && isNew && sync == "FULL" {
		// The names of the file and its WAL have to survive a power loss like what is in them.
		err = syncDirs(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, d.b.close())
	}
	d.Catalogue = sqlcat.New(d.b, d.hub, opts)
	pollCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.live.Store(true)
	go d.poll(pollCtx, opts)
	d.upkeep = startUpkeep(ctx, d.b, opts.Log)
	return nil
}

// dataSource is the driver's URL of the file.
func dataSource(path, sync string, readOnly bool) string {
	pragmas := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(" + sync + ")",
		"foreign_keys(1)",
		"journal_size_limit(67108864)",
	}}
	if readOnly {
		pragmas.Add("_pragma", "query_only(1)")
	} else {
		pragmas.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", mostPages))
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: pragmas.Encode()}
	return u.String()
}

// makeFile makes the file, readable by its owner only for it holds password hashes,
// and the directories above it.
func makeFile(path string) (isNew bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, pack.Wrap(pack.KindUnavailable, err, "the directory of the database cannot be made")
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, pack.Wrap(pack.KindUnavailable, err, "the database file cannot be opened for writing")
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false, pack.Wrap(pack.KindUnavailable, err, "the database file cannot be read")
	}
	return st.Size() == 0, nil
}

// syncDirs makes the entries of a directory, and its own entry above, durable.
func syncDirs(dir string) error {
	for _, name := range []string{dir, filepath.Dir(dir)} {
		f, err := os.Open(name)
		if err != nil {
			return pack.Wrap(pack.KindUnavailable, err, "the directory of the database cannot be synced")
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return pack.Wrap(pack.KindUnavailable, err, "the directory of the database cannot be synced")
		}
	}
	return nil
}

// Ping implements db.DB: it reads, which also notices a file that has gone bad.
func (d *DB) Ping(ctx context.Context) error {
	_, err := d.Catalogue.Head(ctx)
	return err
}

// SchemaVersion implements db.DB.
func (d *DB) SchemaVersion(ctx context.Context) (applied, known int, err error) {
	if known, err = schema.Known(migrations.FS, folder); err != nil {
		return 0, 0, err
	}
	err = d.b.withReader(ctx, func(c *conn) error {
		applied, err = schema.Applied(&session{ctx: ctx, c: c})
		return err
	})
	return applied, known, err
}

// Live implements db.Feed: true while the file can be polled.
func (d *DB) Live() bool { return d.live.Load() }

// poll looks for commits of other processes. PRAGMA data_version is a look at
// shared memory; it moves when another connection has committed, so also for this
// process' own commits, whose watchers then merely look once more.
func (d *DB) poll(ctx context.Context, opts sqlcat.Options) {
	defer close(d.done)
	defer d.live.Store(false)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last int64 = -1
	for ctx.Err() == nil {
		err := d.b.withReader(ctx, func(c *conn) error {
			for {
				var v int64
				if err := c.queryRow(ctx, "PRAGMA data_version").Scan(&v); err != nil {
					return err
				}
				d.live.Store(true)
				if v != last { // the first look too: what came before it is not known
					last = v
					d.b.epoch.raise()
					d.hub.Notify()
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
				}
			}
		})
		last = -1 // data_version means something on one connection only
		d.live.Store(false)
		if ctx.Err() == nil {
			opts.Log.Warn("database file cannot be watched", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// Close implements db.DB.
func (d *DB) Close() error {
	var err error
	d.close.Do(func() {
		d.stop()
		<-d.done
		d.upkeep.end()
		d.b.epoch.closed.Store(true)
		err = d.b.close()
		d.removeTemp()
	})
	return err
}

func (d *DB) removeTemp() {
	if d.temp != "" {
		os.RemoveAll(d.temp) // a left-over temporary directory harms nobody
	}
}
