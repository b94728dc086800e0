package sqlite

import (
	"path/filepath"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/db/schema"
	"packregistry/migrations"
)

func TestSuite(t *testing.T) {
	dbtest.Run(t, func(t *testing.T) dbtest.Env {
		path := filepath.Join(t.TempDir(), "registry.db")
		return dbtest.Env{
			DB:     open(t, path),
			Reopen: func(t testing.TB) db.DB { return open(t, path) },
			Raw: dbtest.Raw{
				Open:   func() (db.DB, error) { return Open(t.Context(), path, Options{}) },
				Exec:   func(t testing.TB, sql string) { withSession(t, path, func(s *session) error { return s.Exec(sql) }) },
				Schema: func(t testing.TB) string { return dump(t, path) },
				MigrateTo: func(t testing.TB, step int) {
					withSession(t, path, func(s *session) error { return schema.To(s, migrations.FS, folder, step) })
				},
			},
		}
	})
}
