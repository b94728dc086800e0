package dbtest

import (
	"fmt"
	"sync"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func migrationTests() []test {
	return []test{
		{"up, down and up again", migrateUpDownUp},
		{"each step down and up", migrateSteps},
		{"a newer schema is refused", migrateNewer},
		{"openers race", migrateRace},
	}
}

// known closes the test's database and gives its schema version.
func known(t *testing.T, env Env) int {
	t.Helper()
	applied, known, err := env.DB.SchemaVersion(t.Context())
	ok(t, err)
	same(t, "applied", known, applied)
	if known < 1 {
		t.Fatalf("known %d", known)
	}
	ok(t, env.DB.Close())
	return known
}

// reopen opens as a starting server would, and closes with the test.
func reopen(t *testing.T, env Env) db.DB {
	t.Helper()
	d := must(env.Raw.Open())(t)
	t.Cleanup(func() { ok(t, d.Close()) })
	return d
}

func migrateUpDownUp(t *testing.T, env Env) {
	known(t, env)
	fresh := env.Raw.Schema(t)
	env.Raw.MigrateTo(t, 0)
	empty := env.Raw.Schema(t)
	if empty == fresh {
		t.Error("the way down leaves everything")
	}
	d := reopen(t, env)
	push(t, d, "default", "x", "1.0.0")
	same(t, "schema", fresh, env.Raw.Schema(t))
}

func migrateSteps(t *testing.T, env Env) {
	newest := known(t, env)
	fresh := env.Raw.Schema(t)
	for step := newest; step >= 1; step-- {
		env.Raw.MigrateTo(t, step)
		at := env.Raw.Schema(t)
		env.Raw.MigrateTo(t, step-1)
		env.Raw.MigrateTo(t, step)
		same(t, fmt.Sprint("schema of step ", step), at, env.Raw.Schema(t))
	}
	env.Raw.MigrateTo(t, newest)
	same(t, "schema", fresh, env.Raw.Schema(t))
}

func migrateNewer(t *testing.T, env Env) {
	push(t, env.DB, "default", "x", "1.0.0")
	newest := known(t, env)
	env.Raw.Exec(t, fmt.Sprintf("INSERT INTO schema_history (version, applied_at) VALUES (%d, 1)", newest+1))
	_, err := env.Raw.Open()
	wantKind(t, err, pack.KindUnavailable, "schema_too_new")
	env.Raw.Exec(t, fmt.Sprintf("DELETE FROM schema_history WHERE version = %d", newest+1))
	resolve(t, reopen(t, env), "x", latest())
}

func migrateRace(t *testing.T, env Env) {
	newest := known(t, env)
	fresh := env.Raw.Schema(t)
	env.Raw.MigrateTo(t, 0)
	const openers = 4
	dbs, errs := make([]db.DB, openers), make([]error, openers)
	var wg sync.WaitGroup
	for i := range openers {
		wg.Go(func() { dbs[i], errs[i] = env.Raw.Open() })
	}
	wg.Wait()
	for i := range openers {
		ok(t, errs[i])
		applied, _, err := dbs[i].SchemaVersion(t.Context())
		ok(t, err)
		same(t, "applied", newest, applied)
	}
	for _, d := range dbs {
		ok(t, d.Close())
	}
	same(t, "schema", fresh, env.Raw.Schema(t))
}
