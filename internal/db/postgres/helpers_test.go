package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// open opens a catalogue that is closed when the test ends.
func open(t testing.TB, url string) *DB {
	t.Helper()
	d, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// withSession uses the database below the contract.
func withSession(t testing.TB, url string, fn func(*session) error) {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := newBackend(pool).withSession(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}
