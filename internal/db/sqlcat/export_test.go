package sqlcat

import (
	"context"
	"slices"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/pack"
)

// bulkRows is the size of one transaction of BulkLoad.
const bulkRows = 5000

// BulkLoad fills an empty catalogue with packs of one version each, by the tables: a
// publish each would take minutes. What it indexes is made by what a publish uses. Statements
// that may take longer than the catalogue waits for an answer go to direct.
func (c *Catalogue) BulkLoad(ctx context.Context, packs []dbtest.Generated, direct func(sql string) error) error {
	var indexes []string
	err := c.b.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO namespaces (name) VALUES ('default'), ('prod'), ('team/edge')`)
		if err == nil && c.b.Dialect().Name == "postgres" {
			indexes, err = dropGIN(ctx, tx)
		}
		return err
	})
	for chunk := range slices.Chunk(packs, bulkRows) {
		if err != nil {
			return err
		}
		err = c.b.Write(ctx, func(tx Tx) error { return c.bulkLoad(ctx, tx, chunk) })
	}
	if err != nil || c.b.Dialect().Name != "postgres" {
		return err
	}
	for _, sql := range append(indexes, "VACUUM ANALYZE") { // as autovacuum does in a minute or so
		if err := direct(sql); err != nil {
			return err
		}
	}
	return nil
}

// dropGIN drops the indexes that take long to fill row by row, and gives the
// statements that make them again.
func dropGIN(ctx context.Context, tx Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'pack_search' AND indexdef LIKE '%gin%'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drops, creates []string
	for rows.Next() {
		var name, create string
		if err := rows.Scan(&name, &create); err != nil {
			return nil, err
		}
		drops, creates = append(drops, "DROP INDEX "+name), append(creates, create)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	for _, sql := range drops {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return creates, nil
}

// column collects a column of rows.
func column[T any](packs []dbtest.Generated, get func(*pack.Version) T) []T {
	out := make([]T, len(packs))
	for i := range packs {
		out[i] = get(&packs[i].Version)
	}
	return out
}

func (c *Catalogue) bulkLoad(ctx context.Context, tx Tx, packs []dbtest.Generated) error {
	path := func(v *pack.Version) string { return v.Namespace + "/" + v.Name }
	one := func(*pack.Version) int64 { return 1 }
	text := func(s string) []string { return column(packs, func(*pack.Version) string { return s }) }
	pushed := column(packs, func(v *pack.Version) int64 { return micros(v.PushedAt) })
	if err := tx.Insert(ctx, "packs", "",
		Column{"namespace", column(packs, func(v *pack.Version) string { return v.Namespace })},
		Column{"name", column(packs, func(v *pack.Version) string { return v.Name })},
		Column{"path", column(packs, path)},
		Column{"display_name", column(packs, func(v *pack.Version) string { return v.DisplayName })},
		Column{"updated_at", pushed}); err != nil {
		return err
	}
	ids, err := idsBy(ctx, tx, `SELECT path, id FROM packs WHERE newest_id IS NULL`)
	if err != nil {
		return err
	}
	packIDs := column(packs, func(v *pack.Version) int64 { return ids[path(v)] })
	if err := tx.Insert(ctx, "versions", "",
		Column{"pack_id", packIDs},
		Column{"version", column(packs, func(v *pack.Version) string { return v.Version })},
		Column{"sort_key", column(packs, func(v *pack.Version) string { return pack.VersionKey(v.Version) })},
		Column{"group_name", text("")},
		Column{"deprecated", column(packs, func(v *pack.Version) bool { return v.Deprecated })},
		Column{"pushed_at", pushed}, Column{"revision", column(packs, one)},
		Column{"live", column(packs, func(*pack.Version) bool { return true })}); err != nil {
		return err
	}
	versions, err := idsBy(ctx, tx, `SELECT p.path, v.id FROM packs p JOIN versions v ON v.pack_id = p.id WHERE p.newest_id IS NULL`)
	if err != nil {
		return err
	}
	if err := tx.Insert(ctx, "revisions", "",
		Column{"version_id", column(packs, func(v *pack.Version) int64 { return versions[path(v)] })},
		Column{"pack_id", packIDs}, Column{"revision", column(packs, one)},
		Column{"digest", column(packs, func(v *pack.Version) string { return string(v.Digest) })},
		Column{"content_digest", column(packs, func(v *pack.Version) string { return v.ContentDigest })},
		Column{"size", column(packs, func(v *pack.Version) int64 { return v.Size })},
		Column{"media_type", text("application/zip")},
		Column{"targz_digest", column(packs, func(v *pack.Version) string { return string(v.TarGzDigest) })},
		Column{"targz_size", column(packs, func(v *pack.Version) int64 { return v.TarGzSize })},
		Column{"targz_stored", column(packs, func(*pack.Version) bool { return false })},
		Column{"display_name", column(packs, func(v *pack.Version) string { return v.DisplayName })},
		Column{"layer", column(packs, func(v *pack.Version) string { return v.Layer })},
		Column{"addon_type", column(packs, func(v *pack.Version) string { return v.AddonType })},
		Column{"cloud_types", text(`["all"]`)}, Column{"group_name", text("")}, Column{"eol", text("")}, Column{"annotations", text("{}")},
		Column{"deprecated", column(packs, func(v *pack.Version) bool { return v.Deprecated })},
		Column{"message", text("")}, Column{"pushed_by", text("generator")}, Column{"pushed_at", pushed},
		Column{"warnings", text("[]")}, Column{"manifest", text("{}")}, Column{"readme", text("")}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE packs SET newest_id = (SELECT v.id FROM versions v WHERE v.pack_id = packs.id) WHERE newest_id IS NULL`); err != nil {
		return err
	}
	return c.bulkIndex(ctx, tx, packs, packIDs)
}

func idsBy(ctx context.Context, tx Tx, query string) (map[string]int64, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := make(map[string]int64)
	for rows.Next() {
		var key string
		var id int64
		if err := rows.Scan(&key, &id); err != nil {
			return nil, err
		}
		ids[key] = id
	}
	return ids, rows.Err()
}

// bulkIndex is indexPack for many new packs.
func (c *Catalogue) bulkIndex(ctx context.Context, tx Tx, packs []dbtest.Generated, packIDs []int64) error {
	n := len(packs)
	facets, heads, bodies, all := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	var rows gramRows
	for i := range packs {
		v := &packs[i].Version
		var err error
		if facets[i], err = facetsOf(v).encode(); err != nil {
			return err
		}
		heads[i], bodies[i] = searchDoc{Namespace: v.Namespace, Name: v.Name, Newest: v, Readme: packs[i].Readme}.terms(languageOf(c.b.Dialect()))
		all[i] = heads[i] + " " + bodies[i]
		rows.add(v.Name)
	}
	if err := rows.insert(ctx, tx); err != nil {
		return err
	}
	for _, sql := range []string{
		`DROP TABLE IF EXISTS staged`,
		`CREATE TEMPORARY TABLE staged (pack_id bigint, facets text, head text, body text)`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := tx.Insert(ctx, "staged", "", Column{"pack_id", packIDs}, Column{"facets", facets}, Column{"head", heads}, Column{"body", bodies}); err != nil {
		return err
	}
	insert := `INSERT INTO pack_search (pack_id, namespace, name, age, facets, head, body)
 SELECT p.id, p.namespace, p.name, -p.updated_at, s.facets, s.head::tsvector, s.body::tsvector FROM staged s JOIN packs p ON p.id = s.pack_id`
	if c.b.Dialect().Name != "postgres" {
		insert = strings.NewReplacer(", head, body)", ")", ", s.head::tsvector, s.body::tsvector", "").Replace(insert)
		if err := tx.Insert(ctx, "search_terms", "", Column{"rowid", packIDs}, Column{"terms", all}); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, insert)
	return err
}

// Explained is a catalogue that hands the plan of each reading statement to see.
func (c *Catalogue) Explained(see func(query string, plan []string)) *Catalogue {
	return &Catalogue{b: explaining{c.b, see}, hub: c.hub, now: c.now, log: c.log}
}

type explaining struct {
	Backend
	see func(string, []string)
}

func (e explaining) Read(ctx context.Context, fn func(Tx) error) error {
	return e.Backend.Read(ctx, func(tx Tx) error { return fn(explainingTx{tx, e}) })
}

func (e explaining) Direct() Tx { return explainingTx{e.Backend.Direct(), e} }

type explainingTx struct {
	Tx
	e explaining
}

func (t explainingTx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	if err := t.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return t.Tx.Query(ctx, query, args...)
}

func (t explainingTx) QueryRow(ctx context.Context, query string, args ...any) Row {
	if err := t.explain(ctx, query, args); err != nil {
		return failedRow{err}
	}
	return t.Tx.QueryRow(ctx, query, args...)
}

// Pausing is a catalogue that calls pause before each statement of a writing transaction that holds text.
func (c *Catalogue) Pausing(text string, pause func()) *Catalogue {
	return &Catalogue{b: pausing{c.b, text, pause}, hub: c.hub, now: c.now, log: c.log}
}

type pausing struct {
	Backend
	text  string
	pause func()
}

func (p pausing) Write(ctx context.Context, fn func(Tx) error) error {
	return p.Backend.Write(ctx, func(tx Tx) error { return fn(pausingTx{tx, p}) })
}

type pausingTx struct {
	Tx
	p pausing
}

func (t pausingTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if strings.Contains(query, t.p.text) {
		t.p.pause()
	}
	return t.Tx.Exec(ctx, query, args...)
}

func (t pausingTx) Insert(ctx context.Context, table, suffix string, columns ...Column) error {
	if strings.Contains("INSERT INTO "+table, t.p.text) {
		t.p.pause()
	}
	return t.Tx.Insert(ctx, table, suffix, columns...)
}

type failedRow struct{ err error }

func (f failedRow) Scan(...any) error { return f.err }

func (t explainingTx) explain(ctx context.Context, query string, args []any) error {
	var id, parent, unused int64
	var line string
	prefix, dest := "EXPLAIN ", []any{&line}
	if t.e.Dialect().Name != "postgres" {
		prefix, dest = "EXPLAIN QUERY PLAN ", []any{&id, &parent, &unused, &line}
	}
	rows, err := t.Tx.Query(ctx, prefix+query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		plan = append(plan, line)
	}
	t.e.see(query, plan)
	return rows.Err()
}

var _ db.Reader = (*Catalogue)(nil)

// PortTables gives the columns of the tables an export carries, and the reasons of those it does not.
func PortTables() (map[string][]string, map[string]string) {
	exported := map[string][]string{}
	for _, t := range portTables() {
		exported[t.name] = t.columnNames()
	}
	return exported, portLeftOut()
}
