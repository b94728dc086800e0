package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const searchClients = 4

// questions are what is asked, by kind, made of the catalogue's own names.
func questions(s shape) map[string][]string {
	rare := newGenerator().rare
	common := []string{"operator", "monitoring", "storage", "backup", "controller", "security", "gateway"}
	kinds := map[string][]string{}
	for n := range 400 {
		i := n * s.packs / 400
		words := strings.Split(packName(rare, i), "-")
		product := words[min(len(words)-1, 1)]
		if len(words) < 3 {
			product = words[0]
		}
		middle := len(product) / 2
		// Mostly a word that some hundred packs have, sometimes two, and now and then one that very many have.
		asked := product
		switch {
		case n%10 == 0:
			asked = common[n/10%len(common)]
		case n%10 < 4:
			asked = product + " " + words[len(words)-1]
		}
		kinds["rank"], kinds["facets"] = append(kinds["rank"], asked), append(kinds["facets"], asked)
		kinds["prefix"] = append(kinds["prefix"], product[:min(len(product), 3+n%3)])
		if len(product) >= 6 { // one wrong letter of a shorter word leaves too little
			kinds["typo"] = append(kinds["typo"], product[:middle]+"q"+product[middle+1:])
		}
	}
	return kinds
}

// spelt is a question in its n-th spelling, by letters in upper case, which mean the same: so
// that what is measured is not an answer that was kept.
func spelt(question string, n int) string {
	text := []byte(question)
	for i := 0; i < len(text) && n > 0; i++ {
		if 'a' <= text[i] && text[i] <= 'z' {
			if n&1 == 1 {
				text[i] -= 'a' - 'A'
			}
			n >>= 1
		}
	}
	return string(text)
}

// The raw queries: full text over a table with one row for each pack, which has the whole document that an answer shows.
const (
	rawTable = `CREATE TABLE bench_packs AS SELECT p.id, p.name, p.layer, p.addon_type, p.source,
 json_build_object('name', p.name, 'version', v.version, 'displayName', r.display_name, 'layer', r.layer, 'annotations', r.annotations, 'digest', r.digest, 'contentDigest', r.content_digest, 'size', r.size)::text AS doc,
 setweight(to_tsvector('simple', replace(p.name, '-', ' ')), 'A') || setweight(to_tsvector('simple', r.display_name), 'B') || to_tsvector('simple', r.readme) AS terms
 FROM packs p JOIN versions v ON v.id = p.newest_id JOIN revisions r ON r.version_id = v.id AND r.replaced_at IS NULL`
	rawRank = `SELECT id, name, doc, ts_rank(terms, q) AS rank FROM bench_packs, to_tsquery('simple', $1) q
 WHERE terms @@ q ORDER BY rank DESC, name LIMIT 50`
	rawFacets = `SELECT layer, addon_type, source, count(*) FROM bench_packs, to_tsquery('simple', $1) q
 WHERE terms @@ q GROUP BY 1, 2, 3`
	rawTypo = `SELECT id, name, doc, word_similarity($1, name) AS s FROM bench_packs WHERE $1 <% name ORDER BY s DESC, name LIMIT 50`
)

// rawSearchTable makes it in the catalogue's own database.
func (b *bench) rawSearchTable(ctx context.Context, s shape) error {
	return b.onlyOnce("one row a pack, for the raw search", func() error {
		admin, stop, err := b.postgres()
		if err != nil {
			return err
		}
		defer stop()
		at := databaseURL(admin, databaseName(s.name))
		for _, q := range []string{rawTable, "CREATE INDEX ON bench_packs USING gin (terms)", "VACUUM (ANALYZE) bench_packs"} {
			if err := onPostgres(ctx, at, q); err != nil {
				return err
			}
		}
		// Without the extension the row about typos is skipped.
		if err := onPostgres(ctx, at, "CREATE EXTENSION pg_trgm"); err != nil {
			b.say("  no typos: %v", err)
			return nil
		}
		return onPostgres(ctx, at, "CREATE INDEX ON bench_packs USING gin (name gin_trgm_ops)")
	})
}

func (b *bench) searchGroups() []group {
	s := b.shapes["1m"]
	const mine, raw, typo = "ours, Postgres", "raw query", "raw query, pg_trgm"
	g := group{
		row: 8, name: "search", title: fmt.Sprintf("searches of 50 rows on Postgres, %d versions of %d packs, %d clients", s.versions(), s.packs, searchClients),
		notes: []string{
			"The raw queries are full text with ts_rank over a table that has one row for each pack, and similarity of pg_trgm for typos.",
			"Each question is spelt differently each time, in letters of other cases, so that no answer is one that the server has kept.",
		},
		prepare: func(ctx context.Context) error {
			return joined(b.productionCatalogue(ctx, s.name), b.rawSearchTable(ctx, s))
		},
		sides: []side{
			b.onOurs(mine, ours{catalogue: s.name, production: true, inPlace: true}, func(ctx context.Context, srv *server) (map[string]sample, error) {
				return b.searches(ctx, srv, s)
			}),
			{raw, func(ctx context.Context, _ int) (map[string]sample, error) {
				return b.rawSearches(ctx, s, map[string][]string{"rank": {rawRank}, "prefix": {rawRank}, "facets": {rawRank, rawFacets}})
			}},
			{typo, func(ctx context.Context, _ int) (map[string]sample, error) {
				return b.rawSearches(ctx, s, map[string][]string{"typo": {rawTypo}})
			}},
		},
		checks: []checked{{"8.scans", []key{{mine, "scans"}}, plainValue}},
	}
	for _, kind := range []string{"rank", "prefix", "typo", "facets"} {
		peer := raw
		if kind == "typo" {
			peer = typo
		}
		of := []key{{mine, kind}, {peer, kind}}
		g.checks = append(g.checks, checked{id: "8." + kind, of: of}, checked{"8.p99-" + kind, of, ratioOfP99})
	}
	return []group{g}
}

// searches asks our server, and counts the tables that Postgres read whole meanwhile.
func (b *bench) searches(ctx context.Context, srv *server, s shape) (map[string]sample, error) {
	conn, err := pgx.Connect(ctx, setting(srv, "REGISTRY_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	scans := func() (n int64, err error) {
		time.Sleep(1200 * time.Millisecond) // what a connection has done is told at most a second later
		// Tables of some rows are read whole because nothing is quicker.
		err = conn.QueryRow(ctx, `SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables WHERE relname <> 'bench_packs' AND n_live_tup > 200`).Scan(&n)
		return n, err
	}
	c := client(searchClients)
	defer c.CloseIdleConnections()
	path := func(kind, q string) string {
		p := "/api/v1/packs?limit=50&q=" + url.QueryEscape(q)
		if kind == "facets" {
			p += "&facets=true"
		}
		return p
	}
	kinds := questions(s)
	for kind, list := range kinds {
		found := 0
		for _, q := range list[:20] {
			_, body, err := expect(ctx, c, srv, http.MethodGet, path(kind, q), nil, nil, http.StatusOK)
			if err != nil {
				return nil, err
			}
			var page struct{ Items []struct{ Name string } }
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			found += min(1, len(page.Items))
		}
		if found < 18 {
			return nil, fmt.Errorf("of 20 questions of kind %s only %d found something", kind, found)
		}
	}
	before, err := scans()
	if err != nil {
		return nil, err
	}
	m := map[string]sample{}
	for _, kind := range []string{"rank", "prefix", "typo", "facets"} {
		list := kinds[kind]
		var next atomic.Int64
		if m[kind], err = b.load(ctx, srv, searchClients, func(ctx context.Context, _, _ int) error {
			n := int(next.Add(1))
			return discard(ctx, c, srv, request{path: path(kind, spelt(list[n%len(list)], n/len(list))), status: http.StatusOK})
		}); err != nil {
			return nil, err
		}
	}
	after, err := scans()
	m["scans"] = sample{unit: " scans", value: float64(after - before)}
	return m, err
}

// rawSearches asks Postgres itself, a connection for each client.
func (b *bench) rawSearches(ctx context.Context, s shape, queries map[string][]string) (map[string]sample, error) {
	admin, stop, err := b.postgres()
	if err != nil {
		return nil, err
	}
	defer stop()
	conns := make([]*pgx.Conn, searchClients)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, databaseURL(admin, databaseName(s.name))); err != nil {
			return nil, err
		}
		defer conns[i].Close(ctx)
	}
	ask := func(ctx context.Context, c int, kind, q string) (found bool, err error) {
		switch kind {
		case "prefix":
			q += ":*"
		case "rank", "facets":
			q = strings.ReplaceAll(q, " ", " & ")
		}
		for _, query := range queries[kind] {
			rows, err := conns[c].Query(ctx, query, q)
			if err != nil {
				return false, err
			}
			for rows.Next() {
				found = found || len(rows.RawValues()) > 0
			}
			if err := rows.Err(); err != nil {
				return false, err
			}
		}
		return found, nil
	}
	kinds := questions(s)
	if queries["typo"] != nil {
		var there bool
		if err := conns[0].QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')`).Scan(&there); err != nil {
			return nil, err
		}
		if !there {
			return nil, fmt.Errorf("pg_trgm %w", errMissing)
		}
		// What a name of several words and one wrong letter leaves; with its default it finds little.
		for _, conn := range conns {
			if _, err := conn.Exec(ctx, `SET pg_trgm.word_similarity_threshold = 0.35`); err != nil {
				return nil, err
			}
		}
	}
	m := map[string]sample{}
	for kind := range queries {
		list := kinds[kind]
		hits := 0
		for _, q := range list[:20] {
			found, err := ask(ctx, 0, kind, q)
			if err != nil {
				return nil, err
			}
			if found {
				hits++
			}
		}
		if hits < 18 {
			return nil, fmt.Errorf("of 20 raw questions of kind %s only %d found something", kind, hits)
		}
		if err := waitIdle(idleLimit, b.patience()); err != nil {
			return nil, err
		}
		var next atomic.Int64
		if m[kind], err = b.load(ctx, nil, searchClients, func(ctx context.Context, c, _ int) error {
			n := int(next.Add(1))
			_, err := ask(ctx, c, kind, spelt(list[n%len(list)], n/len(list)))
			return err
		}); err != nil {
			return nil, errors.Join(err)
		}
	}
	return m, nil
}
