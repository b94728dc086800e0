package auth

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// cacheSize is how many verified credentials are remembered (some 200 bytes each).
const cacheSize = 4096

// credentialKey stands for a name and password without holding them.
type credentialKey [sha256.Size]byte

// verified is what a remembered credential is bound to: the account's line as it
// was when the password was checked against it.
type verified struct {
	hash   string
	role   Role
	source string
}

// credentialCache remembers credentials that held. It never holds a password:
// keys are hashes under a secret that lives in this process only, so that even a copy
// of the memory's map tells nothing without that secret, and equal passwords of two
// accounts do not show. No key leaves the process, so nobody could lengthen one, which is
// what an HMAC is against.
type credentialCache struct {
	secret [32]byte
	size   int

	mu    sync.Mutex
	items map[credentialKey]*list.Element
	order *list.List // most recently used first, values are *cacheItem
}

type cacheItem struct {
	key  credentialKey
	line verified
}

func newCredentialCache(size int) *credentialCache {
	c := &credentialCache{size: size, items: map[credentialKey]*list.Element{}, order: list.New()}
	rand.Read(c.secret[:]) // never fails (Go 1.24)
	return c
}

// key makes the key. The length keeps ("ab", "c") and ("a", "bc") apart.
func (c *credentialCache) key(user, password string) credentialKey {
	text := make([]byte, 0, 256) // most names and passwords: nothing on the heap
	text = append(text, c.secret[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(len(user)))
	text = append(text, user...)
	text = append(text, password...)
	return sha256.Sum256(text)
}

// holds reports whether the credentials were verified against exactly this line.
// An entry for another line is forgotten.
func (c *credentialCache) holds(k credentialKey, line verified) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return false
	}
	if e.Value.(*cacheItem).line != line {
		c.order.Remove(e)
		delete(c.items, k)
		return false
	}
	c.order.MoveToFront(e)
	return true
}

// remember keeps the credentials, in place of those not used for longest.
func (c *credentialCache) remember(k credentialKey, line verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[k]; ok {
		e.Value.(*cacheItem).line = line
		c.order.MoveToFront(e)
		return
	}
	c.items[k] = c.order.PushFront(&cacheItem{k, line})
	for c.order.Len() > c.size {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.items, last.Value.(*cacheItem).key)
	}
}

// forget drops the credentials.
func (c *credentialCache) forget(k credentialKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[k]; ok {
		c.order.Remove(e)
		delete(c.items, k)
	}
}
