package auth

import (
	"fmt"
	"testing"
)

func TestOneAddressFillsOnlyItsPartOfTheQueue(t *testing.T) {
	for name, c := range map[string]struct {
		one     func(i int) string // addresses of one network
		another string
	}{
		"IPv4":        {func(int) string { return "192.0.2.7" }, "192.0.2.8"},
		"IPv4 mapped": {func(i int) string { return []string{"192.0.2.7", "::ffff:192.0.2.7"}[i%2] }, "::ffff:192.0.2.8"},
		"IPv6":        {func(i int) string { return fmt.Sprintf("2001:db8::%d", i) }, "2001:db8:0:1::1"},
		"no IP":       {func(int) string { return "@" }, "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			g, one := newGate(1), c.one
			for i := range maxOfAddress {
				if !g.queue(one(i)) {
					t.Fatalf("number %d was refused", i)
				}
			}
			if g.queue(one(99)) {
				t.Error("one network got more than its part")
			}
			if !g.queue(c.another) {
				t.Error("another network found the queue full")
			}
			g.unqueue(one(5))
			if !g.queue(one(98)) {
				t.Error("a place that was left is not free")
			}
		})
	}
}
