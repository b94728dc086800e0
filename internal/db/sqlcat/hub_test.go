package sqlcat

import (
	"context"
	"sync"
	"testing"
)

func TestHubCoalescesAndCloses(t *testing.T) {
	var h Hub
	ctx, cancel := context.WithCancel(t.Context())
	a, b := h.Watch(ctx), h.Watch(t.Context())
	for range 3 {
		h.Notify() // never blocks, though nobody reads
	}
	<-a
	<-b
	select {
	case _, open := <-a:
		t.Errorf("three notifications gave a second one (open: %v)", open)
	default:
	}
	cancel()
	if _, open := <-a; open {
		t.Error("a watcher whose context ended received")
	}
	h.Notify()
	if _, open := <-b; !open {
		t.Error("the other watcher was closed")
	}
}

func TestHubUnderLoad(t *testing.T) {
	var h Hub
	var wg sync.WaitGroup
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		ch := h.Watch(ctx)
		wg.Go(func() { h.Notify(); cancel() })
		wg.Go(func() {
			for range ch {
			}
		})
	}
	wg.Wait()
	if n := len(h.watchers); n != 0 {
		t.Errorf("%d watchers are left", n)
	}
}
