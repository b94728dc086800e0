package storage

import (
	"strings"
	"sync"
	"time"

	"packregistry/internal/pack"
)

const (
	// TrustFor is how long a blob that was hashed is sent without being hashed again.
	TrustFor = 10 * time.Minute
	// trustSize bounds each of the two halves of what is remembered, which is some 250
	// bytes a blob.
	trustSize = 8192
)

// Trust remembers which blobs this process has read whole and found to hash to their names.
// ID is what tells a stored copy that nobody has touched from any other one. Those not asked for
// longest go first: when the younger half is full, the older one is dropped. The zero Trust is ready.
type Trust[ID comparable] struct {
	mu         sync.Mutex
	young, old map[pack.Digest]trusted[ID]
}

type trusted[ID comparable] struct {
	id ID
	at time.Time
}

// Holds reports whether exactly this copy was hashed a short while ago.
func (t *Trust[ID]) Holds(d pack.Digest, id ID, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.young[d]
	if !ok {
		if h, ok = t.old[d]; ok {
			t.put(d, h)
		}
	}
	age := now.Sub(h.at)
	return ok && h.id == id && age >= 0 && age < TrustFor
}

// Add remembers a copy that was opened at a time and hashed since.
func (t *Trust[ID]) Add(d pack.Digest, id ID, opened time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(d, trusted[ID]{id, opened})
}

// put keeps a digest of its own: the one it is asked with may be a piece of a request's line, which would stay with it.
func (t *Trust[ID]) put(d pack.Digest, h trusted[ID]) {
	if t.young == nil || len(t.young) >= trustSize {
		t.young, t.old = make(map[pack.Digest]trusted[ID]), t.young
	}
	t.young[pack.Digest(strings.Clone(string(d)))] = h
}
