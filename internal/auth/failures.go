package auth

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	maxFailures   = 10               // wrong passwords within failureWindow until the pause begins
	failureWindow = time.Minute      //
	firstPause    = 15 * time.Second // doubled with each further failure
	longestPause  = 5 * time.Minute
	forgetAfter   = 15 * time.Minute // without a failure all is forgotten
	failureTable  = 8192             // pairs remembered; the longest untouched give way
)

// failures counts wrong passwords per pair of account name and client address.
// Both together: nobody locks somebody else out, and one office behind one
// address does not suffer from one mistyped script of another account.
type failures struct {
	size int

	mu    sync.Mutex
	items map[pairKey]*list.Element
	order *list.List // last touched first, values are *failureItem
}

// pairKey is a hash, so that a name of a megabyte does not cost a megabyte.
type pairKey [sha256.Size]byte

type failureItem struct {
	key   pairKey
	count int
	since time.Time // first failure of the window
	last  time.Time
	pause time.Duration
	until time.Time
}

func newFailures(size int) *failures {
	return &failures{size: size, items: map[pairKey]*list.Element{}, order: list.New()}
}

func pair(user, address string) pairKey {
	return sha256.Sum256([]byte(address + "\x00" + user)) // no address holds a NUL
}

// wait returns how long the pair must pause; 0 when it may try.
func (f *failures) wait(k pairKey, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.items[k]
	if !ok {
		return 0
	}
	return max(0, e.Value.(*failureItem).until.Sub(now))
}

// failed counts one wrong password.
func (f *failures) failed(k pairKey, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.items[k]
	if !ok {
		e = f.order.PushFront(&failureItem{key: k, since: now})
		f.items[k] = e
		if f.order.Len() > f.size {
			last := f.order.Back()
			f.order.Remove(last)
			delete(f.items, last.Value.(*failureItem).key)
		}
	}
	f.order.MoveToFront(e)
	it := e.Value.(*failureItem)
	paused := it.pause > 0
	if (paused && now.Sub(it.last) > forgetAfter) || (!paused && now.Sub(it.since) > failureWindow) {
		*it = failureItem{key: k, since: now}
	}
	it.last = now
	it.count++
	if it.count >= maxFailures {
		it.pause = min(longestPause, max(firstPause, 2*it.pause))
		it.until = now.Add(it.pause)
	}
}

// succeeded forgets the pair.
func (f *failures) succeeded(k pairKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.items[k]; ok {
		f.order.Remove(e)
		delete(f.items, k)
	}
}
