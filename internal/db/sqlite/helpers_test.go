package sqlite

import (
	"context"
	"testing"
)

// open opens a catalogue that is closed when the test ends.
func open(t testing.TB, path string) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// withSession uses the file below the contract.
func withSession(t testing.TB, path string, fn func(*session) error) {
	t.Helper()
	b := newBackend(dataSource(path, "OFF", false), dataSource(path, "OFF", true), nil)
	err := b.withWriter(context.Background(), func(c *conn) error {
		return fn(&session{ctx: context.Background(), c: c})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
}
