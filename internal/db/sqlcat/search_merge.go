package sqlcat

import (
	"context"
	"strconv"
)

// In SQLite every publish adds a small segment to the search index, and segments have to be merged, or a search looks
// into more and more of them. By itself the index does that within the transaction that finds too many, which may then
// take a tenth of a second. These let somebody else do it in small steps.

// mostSegments of a size are what the index waits for before it merges them by itself.
const mostSegments = 64

// TuneTerms has the index leave merging to MergeTerms, as long as it keeps up. The index remembers it.
func TuneTerms(ctx context.Context, tx Tx) error {
	for _, o := range []struct {
		name  string
		value int64
	}{{"automerge", 0}, {"crisismerge", mostSegments}} {
		is, err := readTexts(tx.Query(ctx, `SELECT CAST(v AS text) FROM search_terms_config WHERE k = $1`, o.name))
		if err != nil {
			return err
		}
		if len(is) == 1 && is[0] == strconv.FormatInt(o.value, 10) {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO search_terms (search_terms, rank) VALUES ($1, $2)`, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

// MergeTerms merges segments of which there are several of a size, or that hold much that is deleted, until it has
// written so many pages. It tells whether there may be more to do.
func MergeTerms(ctx context.Context, tx Tx, pages int) (more bool, err error) {
	var before, after int64
	const changes = `SELECT total_changes()`
	if err := tx.QueryRow(ctx, changes).Scan(&before); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO search_terms (search_terms, rank) VALUES ('merge', $1)`, pages); err != nil {
		return false, err
	}
	if err := tx.QueryRow(ctx, changes).Scan(&after); err != nil {
		return false, err
	}
	return after-before > 1, nil // the statement itself counts as one
}

// optimizeTerms makes one segment of all, for whoever has just filled the index. The large segments of many packs
// would else stand among the small ones of publishes, and be written again with the first of these that are merged.
func optimizeTerms(ctx context.Context, tx Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO search_terms (search_terms) VALUES ('optimize')`)
	return err
}
