package auth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"packregistry/internal/pack"
)

const (
	// maxQueue is how many may wait for a place to hash, beyond those hashing.
	maxQueue = 64
	// maxOfAddress is how many of them may come from one network address, so that one
	// client with wrong passwords does not keep all others from logging in.
	maxOfAddress = maxQueue / 4
	// maxWait bounds the waiting of a caller without a deadline.
	maxWait = 10 * time.Second
)

// gate bounds how many bcrypt comparisons run and how many wait to, so that wrong
// passwords cannot take all CPUs or pile up goroutines.
type gate struct {
	places chan struct{}

	mu   sync.Mutex
	in   int            // waiting and hashing
	from map[string]int // the same, by network; no entry is 0
}

func newGate(n int) *gate {
	return &gate{places: make(chan struct{}, n), from: map[string]int{}}
}

// enter waits for a place. leave must be called, with the same address, after a nil error.
func (g *gate) enter(ctx context.Context, address string) error {
	if !g.queue(address) {
		return tooManyLogins()
	}
	t := time.NewTimer(maxWait)
	defer t.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		g.unqueue(address)
		return ctx.Err()
	case <-t.C:
		g.unqueue(address)
		return tooManyLogins()
	}
}

func (g *gate) leave(address string) {
	<-g.places
	g.unqueue(address)
}

func (g *gate) queue(address string) bool {
	who := network(address)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in >= cap(g.places)+maxQueue || g.from[who] >= maxOfAddress {
		return false
	}
	g.in++
	g.from[who]++
	return true
}

func (g *gate) unqueue(address string) {
	who := network(address)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	if g.from[who]--; g.from[who] == 0 {
		delete(g.from, who)
	}
}

// network is what one client may be taken to hold: an IPv4 address, or the /64 of an
// IPv6 address (RFC 6177), of which a client has as many as it likes.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

func tooManyLogins() error {
	return &pack.Error{
		Kind: pack.KindBusy, Code: "too_many_logins", RetryAfter: time.Second,
		Message: "too many logins at once; try again in a moment",
	}
}
