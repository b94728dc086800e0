// Package dbtest is the suite that every database must pass: it judges what "the
// same" means in the contract of package db. It is split by topic; each test gets
// a fresh database.
package dbtest

import (
	"testing"

	"packregistry/internal/db"
)

// Env is a fresh, migrated and empty database, closed and removed when the test ends.
type Env struct {
	// DB is the database, opened.
	DB db.DB
	// Reopen opens the same database once more, as another replica (or, where only one
	// process may, another part of it) would. It is closed when the test ends, if not before.
	Reopen func(t testing.TB) db.DB
	// Raw reaches below the contract, for migrations.
	Raw Raw
}

// Raw is what the tests of migrations need of a database. The handles of the test
// are closed when it is used.
type Raw struct {
	// Open is what a starting server does: migrate, then open.
	Open func() (db.DB, error)
	// Exec runs a statement.
	Exec func(t testing.TB, sql string)
	// Schema describes all tables, columns and indexes as text.
	Schema func(t testing.TB) string
	// MigrateTo goes up or down to the step; 0 takes all back.
	MigrateTo func(t testing.TB, step int)
}

// test is one test of the suite.
type test struct {
	name string
	run  func(*testing.T, Env)
}

// Run runs the suite. open is called once a test.
func Run(t *testing.T, open func(t *testing.T) Env) {
	for _, topic := range []struct {
		name  string
		tests []test
	}{
		{"publish", publishTests()},
		{"revisions", revisionTests()},
		{"delete", deleteTests()},
		{"tags", tagTests()},
		{"order", orderTests()},
		{"files", fileTests()},
		{"feed", feedTests()},
		{"feed order", feedOrderTests()},
		{"watch", watchTests()},
		{"paging", pagingTests()},
		{"search", searchTests()},
		{"typos", typoTests()},
		{"facets", facetTests()},
		{"cancel", cancelTests()},
		{"leases", leaseTests()},
		{"sweep", sweepTests()},
		{"oci", ociTests()},
		{"oci uploads", ociUploadTests()},
		{"oci packs", ociPackTests()},
		{"oci races", ociRaceTests()},
		{"accounts", accountTests()},
		{"palette", paletteTests()},
		{"locks", lockTests()},
		{"migrations", migrationTests()},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for _, tc := range topic.tests {
				t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
			}
		})
	}
}
