package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

const deltaChanges = 1000

// The raw query of a delta, as it can be asked of both databases.
const deltaQuery = `SELECT seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom FROM changes
 WHERE namespace = $1 AND seq > $2 ORDER BY seq LIMIT 1000`

// since is a random place in the feed with enough changes behind it.
func since(s shape) int64 { return 1 + rand.Int64N(max(1, s.changes()-deltaChanges-1)) }

// deltas asks for deltas at random places, by wrk.
func (b *bench) deltas(ctx context.Context, s *server, clients int, at func() string, want int) (sample, error) {
	c := client(clients)
	defer c.CloseIdleConnections()
	path := func() string { return "/api/v1/sync/changes?limit=" + itoa(want) + "&since=" + url.QueryEscape(at()) }
	look := func() error {
		_, body, err := expect(ctx, c, s, http.MethodGet, path(), nil, nil, http.StatusOK)
		if err != nil {
			return err
		}
		var page struct {
			Changes []struct{ Type, Name, Version, Digest string }
			Cursor  string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		if len(page.Changes) != want || page.Cursor == "" || page.Changes[want-1].Digest == "" {
			return fmt.Errorf("a delta has %d changes, not %d", len(page.Changes), want)
		}
		return nil
	}
	for range 5 {
		if err := look(); err != nil {
			return sample{}, err
		}
	}
	r := request{path: path(), status: http.StatusOK}
	for range deltaPlaces {
		r.paths = append(r.paths, path())
	}
	m, err := b.wrk(ctx, s, clients, r)
	return m, joined(err, look())
}

// deltaPlaces is how many places in the feed wrk chooses from.
const deltaPlaces = 1000

const deltaClients = 4

func (b *bench) deltaGroups() []group {
	var groups []group
	for _, name := range []string{"100k", "1m"} {
		s := b.shapes[name]
		want := min(deltaChanges, s.versions()/2)
		ask := func(ctx context.Context, srv *server) (map[string]sample, error) {
			m, err := b.deltas(ctx, srv, deltaClients, func() string { return cursor(since(s)) }, want)
			return one("delta", m, err)
		}
		// A copy of a million versions for each round would say no more: nothing here writes.
		large := name == "1m"
		groups = append(groups,
			group{
				row: 7, name: "postgres-" + name, title: fmt.Sprintf("deltas of %d changes on Postgres, %d versions, %d clients", want, s.versions(), deltaClients),
				notes:   []string{"The raw query reads the same rows through pgx and does nothing with them."},
				prepare: func(ctx context.Context) error { return b.bothCatalogues(ctx, name) },
				sides: []side{
					b.onOurs("ours, Postgres", ours{catalogue: name, production: true, inPlace: large}, ask),
					{"raw query", func(ctx context.Context, _ int) (map[string]sample, error) { return b.rawPostgres(ctx, s) }},
				},
				checks: []checked{{id: "7.postgres-" + name, of: []key{{"ours, Postgres", "delta"}, {"raw query", "delta"}}}},
			},
			group{
				row: 7, name: "sqlite-" + name, title: fmt.Sprintf("deltas of %d changes on SQLite, %d versions, %d clients", want, s.versions(), deltaClients),
				notes:   []string{"The raw query runs in this program, with the same SQLite library and no HTTP between."},
				prepare: func(ctx context.Context) error { return b.embeddedCatalogue(ctx, name) },
				sides: []side{
					b.onOurs("ours, SQLite", ours{catalogue: name, inPlace: large}, ask),
					{"raw query", func(ctx context.Context, _ int) (map[string]sample, error) { return b.rawSQLite(ctx, s) }},
				},
				checks: []checked{{id: "7.sqlite-" + name, of: []key{{"ours, SQLite", "delta"}, {"raw query", "delta"}}}},
			})
	}
	return groups
}

// rawPostgres asks Postgres itself, a connection for each client.
func (b *bench) rawPostgres(ctx context.Context, s shape) (_ map[string]sample, err error) {
	admin, stop, err := b.postgres()
	if err != nil {
		return nil, err
	}
	defer stop()
	conns := make([]*pgx.Conn, deltaClients)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, databaseURL(admin, databaseName(s.name))); err != nil {
			return nil, err
		}
		defer conns[i].Close(ctx)
	}
	want := min(deltaChanges, s.versions()/2)
	ask := func(ctx context.Context, c int) error {
		rows, err := conns[c].Query(ctx, deltaQuery, "default", since(s))
		if err != nil {
			return err
		}
		n := 0
		for rows.Next() {
			n += min(1, len(rows.RawValues()))
		}
		if rows.Err() == nil && n < want {
			return fmt.Errorf("the raw query gives %d rows", n)
		}
		return rows.Err()
	}
	if err := errors.Join(ask(ctx, 0), waitIdle(idleLimit, b.patience())); err != nil {
		return nil, err
	}
	m, err := b.load(ctx, nil, deltaClients, func(ctx context.Context, c, _ int) error { return ask(ctx, c) })
	return one("delta", m, err)
}

// rawSQLite does the same in this process.
func (b *bench) rawSQLite(ctx context.Context, s shape) (_ map[string]sample, err error) {
	d, err := sql.Open("sqlite", filepath.Join(b.template(s.name), "registry.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.SetMaxOpenConns(deltaClients)
	d.SetMaxIdleConns(deltaClients)
	q, err := d.PrepareContext(ctx, deltaQuery)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	want := min(deltaChanges, s.versions()/2)
	ask := func(ctx context.Context) error {
		rows, err := q.QueryContext(ctx, "default", since(s))
		if err != nil {
			return err
		}
		defer rows.Close()
		values := make([]sql.RawBytes, 12)
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		n := 0
		for rows.Next() {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			n++
		}
		if rows.Err() == nil && n < want {
			return fmt.Errorf("the raw query gives %d rows", n)
		}
		return rows.Err()
	}
	if err := errors.Join(ask(ctx), waitIdle(idleLimit, b.patience())); err != nil {
		return nil, err
	}
	m, err := b.load(ctx, nil, deltaClients, func(ctx context.Context, _, _ int) error { return ask(ctx) })
	return one("delta", m, err)
}
