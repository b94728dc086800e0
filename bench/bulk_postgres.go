package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// fillPostgres fills the empty catalogue at a URL, which the server has made and left.
func (s shape) fillPostgres(ctx context.Context, url string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	indexes, err := dropPostgresIndexes(ctx, conn)
	if err != nil {
		return err
	}
	for _, q := range []string{
		// The rows refer to each other rightly: checking each would take most of the time.
		`SET session_replication_role = replica`, `SET maintenance_work_mem = '512MB'`, `SET synchronous_commit = off`,
		`INSERT INTO namespaces (name) VALUES ('default') ON CONFLICT DO NOTHING`,
		`CREATE TEMPORARY TABLE staged (pack_id bigint, namespace text, name text, age bigint, facets text, head text, body text)`,
	} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	for _, t := range append(s.tables(), s.grams()) {
		if err := copyRows(ctx, conn, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if err := copyRows(ctx, conn, s.staged()); err != nil {
		return fmt.Errorf("pack_search: %w", err)
	}
	n := s.changes()
	for _, q := range append([]string{
		`INSERT INTO pack_search (pack_id, namespace, name, age, facets, head, body)
 SELECT pack_id, namespace, name, age, facets, head::tsvector, body::tsvector FROM staged`,
		fmt.Sprintf(`UPDATE feed SET head = %d, mark = '%s'`, n, mark(n)),
		fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('packs', 'id'), %d)`, s.packs),
		fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('versions', 'id'), %d)`, s.versions()),
		fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('revisions', 'id'), %d)`, s.versions()),
	}, append(indexes, "VACUUM (ANALYZE)", "CHECKPOINT")...) {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func (s shape) staged() table {
	return table{"staged", []string{"pack_id", "namespace", "name", "age", "facets", "head", "body"}, func(yield func([]any) bool) {
		stop := errors.New("enough")
		err := s.search("postgres", func(r *searchRow) error {
			if !yield([]any{r.id, r.v.Namespace, r.v.Name, -r.v.PushedAt.UnixMicro(), r.facets, r.head, r.body}) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			panic(err) // facets are strings
		}
	}}
}

// copyRows sends rows by COPY.
func copyRows(ctx context.Context, conn *pgx.Conn, t table) error {
	next, stop := iter.Pull(iter.Seq[[]any](t.rows))
	defer stop()
	_, err := conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := next()
		if !ok {
			return nil, nil
		}
		return row, nil
	}))
	return err
}

// dropPostgresIndexes drops the indexes that are quicker made at the end, and gives the statements for that.
func dropPostgresIndexes(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)`)
	if err != nil {
		return nil, err
	}
	var names, creates []string
	var name, create string
	if _, err := pgx.ForEachRow(rows, []any{&name, &create}, func() error {
		names, creates = append(names, name), append(creates, create)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := conn.Exec(ctx, `DROP INDEX `+name); err != nil {
			return nil, err
		}
	}
	return creates, nil
}
