package postgres

import (
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/db/schema"
	"packregistry/internal/testenv"
	"packregistry/migrations"
)

func TestSuite(t *testing.T) {
	dbtest.Run(t, func(t *testing.T) dbtest.Env {
		url := testenv.Postgres(t)
		return dbtest.Env{
			DB:     open(t, url),
			Reopen: func(t testing.TB) db.DB { return open(t, url) },
			Raw: dbtest.Raw{
				Open:   func() (db.DB, error) { return Open(t.Context(), url, Options{}) },
				Exec:   func(t testing.TB, sql string) { withSession(t, url, func(s *session) error { return s.Exec(sql) }) },
				Schema: func(t testing.TB) string { return dump(t, url) },
				MigrateTo: func(t testing.TB, step int) {
					withSession(t, url, func(s *session) error { return schema.To(s, migrations.FS, folder, step) })
				},
			},
		}
	})
}
