package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// fillSQLite fills the empty catalogue in a data folder, which the server has made and left.
func (s shape) fillSQLite(ctx context.Context, dir string) (err error) {
	d, err := sql.Open("sqlite", filepath.Join(dir, "registry.db")+"?_pragma=synchronous(off)&_pragma=foreign_keys(0)&_pragma=cache_size(-400000)&_pragma=temp_store(2)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.SetMaxOpenConns(1)
	indexes, err := dropSQLiteIndexes(ctx, d)
	if err != nil {
		return err
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.fillTables(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, q := range append(indexes, "PRAGMA wal_checkpoint(TRUNCATE)") {
		if _, err := d.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func (s shape) fillTables(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO namespaces (name) VALUES ('default') ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	for _, t := range slices.Concat(s.tables(), []table{s.grams()}, s.searchTables()) {
		if err := insertRows(ctx, tx, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	// As an import leaves it.
	if _, err := tx.ExecContext(ctx, `INSERT INTO search_terms (search_terms) VALUES ('optimize')`); err != nil {
		return err
	}
	n := s.changes()
	_, err := tx.ExecContext(ctx, `UPDATE feed SET head = ?, mark = ?`, n, mark(n))
	return err
}

// searchTables are the two tables of the search index in SQLite, in the order they are to be filled: the first one
// finds out what the second one needs.
func (s shape) searchTables() []table {
	var rows [][]any
	terms := func(yield func([]any) bool) {
		stop := errors.New("enough")
		err := s.search("sqlite", func(r *searchRow) error {
			rows = append(rows, []any{r.id, r.v.Namespace, r.v.Name, -r.v.PushedAt.UnixMicro(), r.facets})
			if !yield([]any{r.id, r.head + " " + r.body}) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			panic(err) // facets are strings
		}
	}
	return []table{
		{"search_terms", []string{"rowid", "terms"}, terms},
		{"pack_search", []string{"pack_id", "namespace", "name", "age", "facets"}, func(yield func([]any) bool) {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}},
	}
}

func insertRows(ctx context.Context, tx *sql.Tx, t table) error {
	most := 4000 / len(t.columns)
	one := "(?" + strings.Repeat(", ?", len(t.columns)-1) + ")"
	insert := func(n int) string {
		return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES " + one + strings.Repeat(", "+one, n-1)
	}
	full, err := tx.PrepareContext(ctx, insert(most))
	if err != nil {
		return err
	}
	defer full.Close()
	args := make([]any, 0, most*len(t.columns))
	return batches(t.rows, most, func(rows [][]any) error {
		args = args[:0]
		for _, r := range rows {
			args = append(args, r...)
		}
		if len(rows) == most {
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, insert(len(rows)), args...)
		}
		return err
	})
}

// dropSQLiteIndexes drops the indexes that are quicker made at the end, and gives the statements for that.
func dropSQLiteIndexes(ctx context.Context, d *sql.DB) ([]string, error) {
	rows, err := d.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names, creates []string
	for rows.Next() {
		var name, create string
		if err := rows.Scan(&name, &create); err != nil {
			return nil, err
		}
		names, creates = append(names, name), append(creates, create)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := d.ExecContext(ctx, `DROP INDEX "`+name+`"`); err != nil {
			return nil, err
		}
	}
	return creates, nil
}
