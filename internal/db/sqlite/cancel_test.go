package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/db/sqlcat"
)

// cancelledAt calls f again and again with a context that ends a little later each time: the driver reports the end also for
// statements that have worked.
func cancelledAt(t *testing.T, f func(ctx context.Context)) {
	t.Helper()
	for i := range 3000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for begun := time.Now(); time.Since(begun) < time.Duration(i%60)*time.Microsecond; {
			}
			cancel()
		}()
		f(ctx)
		cancel()
	}
}

func TestCancelledBegin(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end()
	nothing := func(sqlcat.Tx) error { return nil }
	for name, transaction := range map[string]func(context.Context, func(sqlcat.Tx) error) error{"write": d.b.WriteSoft, "read": d.b.Read} {
		t.Run(name, func(t *testing.T) {
			cancelledAt(t, func(ctx context.Context) {
				if err := transaction(ctx, nothing); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if err := transaction(t.Context(), nothing); err != nil {
					t.Fatalf("the connection stays in a transaction: %v", err)
				}
			})
		})
	}
}

// level is the synchronous of SQLite, where 2 is FULL.
func level(t *testing.T, c *conn) (level int) {
	t.Helper()
	if err := c.queryRow(t.Context(), "PRAGMA synchronous").Scan(&level); err != nil {
		t.Fatal(err)
	}
	return level
}

func TestCancelledSoft(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end()
	err := d.b.withWriter(t.Context(), func(c *conn) error {
		cancelledAt(t, func(ctx context.Context) {
			err := errors.Join(c.setSoft(ctx, true), c.setSoft(ctx, false))
			if n := level(t, c); err != nil || n != 2 {
				t.Fatalf("a commit that has to wait for the disk would do with synchronous = %d, %v", n, err)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A connection in an unknown state does not come back.
func TestBrokenConnectionIsClosed(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end()
	func() {
		defer func() { _ = recover() }()
		_ = d.b.withWriter(t.Context(), func(c *conn) error {
			if err := errors.Join(c.setSoft(t.Context(), true), c.begin(t.Context(), "BEGIN IMMEDIATE")); err != nil {
				t.Error(err)
			}
			panic("in the middle")
		})
	}()
	err := d.b.withWriter(t.Context(), func(c *conn) error {
		if n := level(t, c); n != 2 {
			t.Errorf("it commits with synchronous = %d", n)
		}
		return transact(t.Context(), c, "BEGIN IMMEDIATE", func(sqlcat.Tx) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
}
