package sqlite

import (
	"context"
	"sync"
	"testing"
	"time"

	"packregistry/internal/db/sqlcat"
)

// Who ends while it waits gets its answer then, and writes nothing.
func TestOneEndsWhileItWaits(t *testing.T) {
	g := newTogether(t)
	ctx, cancel := context.WithCancel(t.Context())
	g.whileHeld(t, 1, func() {
		ended := make(chan error, 1)
		g.begin(ctx, write(ctx, "b"), func(err error) { ended <- err })
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
		g.wait(t, 2)
		cancel()
		wanted(t, context.Canceled)(<-ended)
	})
	if a, b := g.written(t, "a"), g.written(t, "b"); a != 1 || b != 0 {
		t.Errorf("%d of 1 were written, and %d of who has ended", a, b)
	}
}

// Who ends in a statement does not undo what others have done.
func TestOneEndsWhileItIsRun(t *testing.T) {
	g := newTogether(t)
	ctx, cancel := context.WithCancel(t.Context())
	transactions := g.whileHeld(t, 3, func() {
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
		g.begin(ctx, func(tx sqlcat.Tx) error { cancel(); return write(ctx, "b")(tx) }, wanted(t, nil))
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
	})
	if a, b := g.written(t, "a"), g.written(t, "b"); a != 2 || b != 1 || transactions != 1 {
		t.Errorf("%d of 2 were written, and %d of who has ended, in %d transactions", a, b, transactions)
	}
}

// Nobody is held who ends while another process writes.
func TestSomeEndWhileAnotherProcessWrites(t *testing.T) {
	g := newTogether(t)
	path := filePath(t, g.d)
	other := newBackend(dataSource(path, "OFF", false), dataSource(path, "OFF", true), g.d.b.epoch)
	defer other.close()
	locked, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- other.Write(context.Background(), func(sqlcat.Tx) error { close(locked); <-release; return nil })
	}()
	<-locked
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup // before the other process lets go
	g.whileHeld(t, 4, func() {
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
		for range 3 {
			ended.Add(1)
			g.begin(ctx, write(ctx, "b"), func(err error) { wanted(t, context.Canceled)(err); ended.Done() })
		}
		time.AfterFunc(100*time.Millisecond, cancel) // when they wait for the other process
		go func() {
			defer close(release)
			all := make(chan struct{})
			go func() { ended.Wait(); close(all) }()
			select {
			case <-all:
			case <-time.After(busyTimeout / 2): // SQLite itself gives up after busyTimeout
				t.Error("who has ended is held until the other process lets go")
			}
		}()
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if a, b := g.written(t, "a"), g.written(t, "b"); a != 1 || b != 0 {
		t.Errorf("%d of 1 were written, and %d of who has ended", a, b)
	}
}

func TestCloseWhileSomeWait(t *testing.T) {
	g := newTogether(t)
	failed := make(chan error, 2)
	g.whileHeld(t, 0, func() {
		for range cap(failed) {
			g.begin(t.Context(), write(t.Context(), "a"), func(err error) { failed <- err })
		}
		g.wait(t, 2)
		go g.d.Close()
		for range cap(failed) {
			wanted(t, errClosed)(<-failed)
		}
	})
}
