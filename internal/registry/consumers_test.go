package registry_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/registry"
)

// countingDB counts writes of consumers.
type countingDB struct {
	db.DB
	writes, rows atomic.Int64
}

func (c *countingDB) PutConsumers(ctx context.Context, list []db.Consumer) error {
	c.writes.Add(1)
	c.rows.Add(int64(len(list)))
	return c.DB.PutConsumers(ctx, list)
}

// Polls write nothing by themselves; what they noted is written together, once it is worth it, and at the end of Run.
func TestConsumersAreWrittenTogether(t *testing.T) {
	ctx, now := context.Background(), time.Now()
	var counted *countingDB
	e := embedded(t, func(c *registry.Config) {
		counted = &countingDB{DB: c.DB}
		c.DB, c.Now = counted, func() time.Time { return now }
	})
	who := func(i int) registry.Consumer {
		return registry.Consumer{Account: "ann", Name: fmt.Sprint("c", i), Namespace: "*"}
	}
	cursor, err := e.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	polls := func() {
		for range 100 {
			for i := range 10 {
				e.NoteRead(who(i), cursor)
			}
		}
	}
	check := func(what string, writes, rows int64) {
		t.Helper()
		list, err := e.Consumers(ctx, "ann")
		if err != nil || len(list) != 10 {
			t.Fatalf("%s: %d, %v", what, len(list), err)
		}
		if counted.writes.Load() != writes || counted.rows.Load() != rows {
			t.Errorf("%s: %d writes of %d rows, want %d and %d", what, counted.writes.Load(), counted.rows.Load(), writes, rows)
		}
	}
	polls()
	if counted.writes.Load() != 0 {
		t.Error("a poll wrote")
	}
	check("first seen", 1, 10)
	polls()
	now = now.Add(30 * time.Second)
	polls()
	check("nothing moved", 1, 10)
	now = now.Add(40 * time.Second)
	polls()
	check("seen again after a minute", 2, 20)
	e.NoteRead(who(3), "")
	check("one has moved", 3, 21)
	e.NoteRead(who(3), "nonsense")
	check("nonsense", 3, 21)
	e.NoteRead(who(3), cursor)
	check("moved on again", 4, 22)

	// What is noted last is written when Run ends.
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(running) }()
	e.NoteRead(who(4), "")
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := counted.writes.Load(); n != 5 {
		t.Errorf("%d writes after the end", n)
	}
}
