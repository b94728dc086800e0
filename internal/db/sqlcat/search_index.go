package sqlcat

import (
	"cmp"
	"context"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// searchDoc is a pack as the search index sees it: its newest version.
type searchDoc struct {
	PackID int64
	// NewPack says that nothing is indexed for the pack yet.
	NewPack         bool
	Namespace, Name string
	Newest          *pack.Version
	Readme          string
}

// indexPack makes the search index say what d says. It runs in the transaction that
// changed the pack, after the row in packs is written and before the feed is locked.
func (c *Catalogue) indexPack(ctx context.Context, tx Tx, d searchDoc) error {
	facets, err := facetsOf(d.Newest).encode()
	if err != nil {
		return err
	}
	head, body := d.terms(languageOf(c.b.Dialect()))
	if err := c.putSearchRow(ctx, tx, d.PackID, facets, head, body); err != nil {
		return err
	}
	if !d.NewPack {
		return nil // a name never changes
	}
	var rows gramRows
	rows.add(d.Name)
	return rows.insert(ctx, tx)
}

const searchRowSelect = `SELECT id, namespace, name, -updated_at, CAST($2 AS text)`

const searchRowUpdate = ` ON CONFLICT (pack_id) DO UPDATE SET age = excluded.age, facets = excluded.facets`

func (c *Catalogue) putSearchRow(ctx context.Context, tx Tx, packID int64, facets, head, body string) error {
	if c.b.Dialect().Name == "postgres" {
		_, err := tx.Exec(ctx, `INSERT INTO pack_search (pack_id, namespace, name, age, facets, head, body) `+
			searchRowSelect+`, $3::text::tsvector, $4::text::tsvector FROM packs WHERE id = $1`+
			searchRowUpdate+`, head = excluded.head, body = excluded.body`, packID, facets, head, body)
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO pack_search (pack_id, namespace, name, age, facets) `+
		searchRowSelect+` FROM packs WHERE id = $1`+searchRowUpdate, packID, facets)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT OR REPLACE INTO search_terms (rowid, terms) VALUES ($1, $2)`, packID, head+" "+body)
	return err
}

// gramRows are rows of search_grams.
type gramRows []gramRow

type gramRow struct {
	gram, form string
	letters    int64
}

// add makes a name known to the search for typos.
func (g *gramRows) add(name string) {
	for _, form := range db.TypoForms(name) {
		letters := int64(len([]rune(form)))
		for _, gram := range db.Grams(form) {
			*g = append(*g, gramRow{gram, form, letters})
		}
	}
}

// insert writes the rows, sorted, so that two new packs with words in common do not
// wait for each other crosswise.
func (g gramRows) insert(ctx context.Context, tx Tx) error {
	slices.SortFunc(g, func(a, b gramRow) int {
		return cmp.Or(cmp.Compare(a.gram, b.gram), cmp.Compare(a.form, b.form))
	})
	g = slices.Compact(g)
	if len(g) == 0 {
		return nil
	}
	grams, letters, forms := make([]string, len(g)), make([]int64, len(g)), make([]string, len(g))
	for i, r := range g {
		grams[i], letters[i], forms[i] = r.gram, r.letters, r.form
	}
	return tx.Insert(ctx, "search_grams", "ON CONFLICT DO NOTHING",
		Column{Name: "gram", Values: grams}, Column{Name: "len", Values: letters}, Column{Name: "form", Values: forms})
}

// unindexPack takes a pack that has no version any more out of the search index.
// The row in packs stays, with newest_id null.
func (c *Catalogue) unindexPack(ctx context.Context, tx Tx, packID int64) error {
	if c.b.Dialect().Name != "postgres" {
		if _, err := tx.Exec(ctx, `DELETE FROM search_terms WHERE rowid = $1`, packID); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM pack_search WHERE pack_id = $1`, packID)
	return err
}
