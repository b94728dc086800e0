package sqlcat_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/testenv"
)

// recording is an export as lines, and a source of the same.
type recording struct {
	header db.ExportHeader
	calls  []func(db.ExportSink) error
	lines  []string
	blobs  []pack.Digest
}

func (r *recording) add(line string, call func(db.ExportSink) error) error {
	r.lines, r.calls = append(r.lines, line), append(r.calls, call)
	return nil
}

func (r *recording) Begin(h db.ExportHeader) error {
	r.header = h
	return r.add(fmt.Sprintf("%+v", h), func(s db.ExportSink) error { return s.Begin(h) })
}

func (r *recording) Blob(d pack.Digest, size int64) error {
	r.blobs = append(r.blobs, d)
	return r.add(fmt.Sprint(d, size), func(s db.ExportSink) error { return s.Blob(d, size) })
}

func (r *recording) Table(name string, columns []string) error {
	return r.add(fmt.Sprint(name, columns), func(s db.ExportSink) error { return s.Table(name, columns) })
}

func (r *recording) Row(values []any) error {
	values = slices.Clone(values)
	return r.add(fmt.Sprintf("%#v", values), func(s db.ExportSink) error { return s.Row(values) })
}

// play is a source for Import.
func (r *recording) play(s db.ExportSink) error {
	for _, call := range r.calls {
		if err := call(s); err != nil {
			return err
		}
	}
	return nil
}

func export(t *testing.T, d db.DB) *recording {
	t.Helper()
	r := &recording{}
	if err := d.Export(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// importInto leases what the export names, and imports it.
func importInto(t *testing.T, d db.DB, r *recording) error {
	t.Helper()
	if _, err := d.Lease(t.Context(), r.blobs, time.Hour); err != nil {
		t.Fatal(err)
	}
	return d.Import(t.Context(), r.play)
}

// portDatabase is a database that the tests of ports can also look into.
type portDatabase struct {
	open func() db.DB // with the one it is
	// query gives one text column.
	query                  func(sql string) []string
	tablesQuery, columnsOf string
}

func sqlitePort(t *testing.T) portDatabase {
	path := filepath.Join(t.TempDir(), "registry.db")
	return portDatabase{
		open: func() db.DB {
			d, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return d
		},
		query: func(query string) []string {
			d, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			rows, err := d.QueryContext(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var out []string
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			return out
		},
		tablesQuery: `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
		columnsOf:   `SELECT name FROM pragma_table_info('%s')`,
	}
}

func postgresPort(t *testing.T) portDatabase {
	url := testenv.Postgres(t)
	return portDatabase{
		open: func() db.DB {
			d, err := postgres.Open(t.Context(), url, postgres.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return d
		},
		query: func(query string) []string {
			pool, err := pgxpool.New(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			rows, err := pool.Query(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var out []string
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return out
		},
		tablesQuery: `SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()`,
		columnsOf:   `SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '%s'`,
	}
}

// writing does something at each table.
type writing struct {
	*recording
	do func(table string) error
}

func (w writing) Table(name string, columns []string) error {
	return errors.Join(w.do(name), w.recording.Table(name, columns))
}
