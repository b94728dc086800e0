package api

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:99", "", "192.0.2.1"},
		{"192.0.2.1:99", "198.51.100.9", "192.0.2.1"}, // not from a proxy of ours: a lie
		{"10.1.1.1:99", "198.51.100.9", "198.51.100.9"},
		{"10.1.1.1:99", "203.0.113.5, 198.51.100.9, 10.2.2.2", "198.51.100.9"}, // the left is the client's own word
		{"10.1.1.1:99", "198.51.100.9:4711", "198.51.100.9"},
		{"10.1.1.1:99", "2001:db8::1", "2001:db8::1"},
		{"[fd00::1]:99", "[2001:db8::2]:80", "2001:db8::2"},
		{"[::ffff:10.1.1.1]:99", "198.51.100.9", "198.51.100.9"},
		{"10.1.1.1:99", "", "10.1.1.1"},
		{"10.1.1.1:99", "nonsense", "10.1.1.1"},
		{"10.1.1.1:99", "198.51.100.9, nonsense, 10.3.3.3", "10.3.3.3"},
		{"10.1.1.1:99", "10.9.9.9", "10.9.9.9"},
		{"@", "198.51.100.9", "@"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddress(r, trusted); got != c.want {
			t.Errorf("%s forwarded %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}
