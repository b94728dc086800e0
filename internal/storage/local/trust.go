package local

import (
	"sync"
	"time"

	"packregistry/internal/pack"
)

const (
	// trustFor is how long a blob that was hashed is sent without being hashed again.
	trustFor = 10 * time.Minute
	// stillFor is how long a file must not have been touched before it was hashed: a
	// write within the same tick of the file system's clock would not show in its times.
	stillFor = 2 * time.Second
	// trustSize bounds each of the two halves of what is remembered, which is some 250
	// bytes a blob.
	trustSize = 8192
)

// identity tells a file that nobody has touched from any other. A write moves both
// times; mtime can be set back, ctime cannot.
type identity struct {
	known         bool // false where the system does not tell enough
	device, inode uint64
	size          int64
	mtime, ctime  time.Duration // since 1970
}

func (i identity) still(now time.Time) bool {
	edge := time.Duration(now.Add(-stillFor).UnixNano())
	return i.known && i.mtime < edge && i.ctime < edge
}

// trust remembers which files were read whole and hashed to their names. It forgets
// those not asked for longest by dropping the older half when the younger is full.
type trust struct {
	mu         sync.Mutex
	young, old map[pack.Digest]hashed
}

type hashed struct {
	file identity
	at   time.Time
}

// holds reports whether exactly this file was hashed a short while ago.
func (t *trust) holds(d pack.Digest, file identity, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.young[d]
	if !ok {
		if h, ok = t.old[d]; ok {
			t.put(d, h)
		}
	}
	age := now.Sub(h.at)
	return ok && h.file == file && age >= 0 && age < trustFor
}

// add remembers a file that was opened at a time and hashed since.
func (t *trust) add(d pack.Digest, file identity, opened time.Time) {
	if !file.still(opened) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(d, hashed{file, opened})
}

func (t *trust) put(d pack.Digest, h hashed) {
	if t.young == nil || len(t.young) >= trustSize {
		t.young, t.old = make(map[pack.Digest]hashed), t.young
	}
	t.young[d] = h
}
