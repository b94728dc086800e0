package sqlite

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the schema file anew")

// TestSchemaDump holds the schema file beside the migrations to what they add up to.
func TestSchemaDump(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	open(t, path)
	got := "-- The schema of the catalogue in SQLite, made from the migrations by `make schema`.\n\n" + dump(t, path)
	file := filepath.FromSlash("../../../migrations/sqlite/schema.sql")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date, run `make schema` (-file +migrations):\n%s", file, diff)
	}
}

// dump gives the statements that made what is in the file, without the tables that
// full-text indexes make for themselves.
func dump(t testing.TB, path string) string {
	t.Helper()
	var b strings.Builder
	withSession(t, path, func(s *session) error {
		rows, err := s.c.query(context.Background(), `SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
 AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
 ORDER BY tbl_name, CASE type WHEN 'table' THEN 0 ELSE 1 END, name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var sql string
			if err := rows.Scan(&sql); err != nil {
				return err
			}
			b.WriteString(sql + ";\n\n")
		}
		return rows.Err()
	})
	return strings.TrimSuffix(b.String(), "\n")
}
