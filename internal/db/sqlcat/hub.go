package sqlcat

import (
	"context"
	"sync"
)

// Hub tells watchers that the head of the feed may have moved. The zero Hub is ready.
type Hub struct {
	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// Watch returns a channel that receives after each Notify, coalesced, until ctx
// ends; then it is closed.
func (h *Hub) Watch(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	if h.watchers == nil {
		h.watchers = make(map[chan struct{}]struct{})
	}
	h.watchers[ch] = struct{}{}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, ch)
		close(ch) // under the lock, so that Notify never sends on it any more
	})
	return ch
}

// Notify wakes all watchers. It never blocks.
func (h *Hub) Notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.watchers {
		select {
		case ch <- struct{}{}:
		default: // one is waiting to be read already
		}
	}
}
