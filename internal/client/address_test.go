package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]struct {
		address  Address
		name     string
		https    string
		loopback bool
	}{
		"packs.example.com":              {Address{Host: "packs.example.com"}, "packs.example.com", "https://packs.example.com", false},
		" Packs.Example.COM/ ":           {Address{Host: "packs.example.com"}, "packs.example.com", "https://packs.example.com", false},
		"packs.example.com:5000":         {Address{Host: "packs.example.com", Port: "5000"}, "packs.example.com:5000", "https://packs.example.com:5000", false},
		"packs.example.com:443":          {Address{Host: "packs.example.com", Port: "443"}, "packs.example.com", "https://packs.example.com:443", false},
		"https://packs.example.com:443/": {Address{Scheme: "https", Host: "packs.example.com", Port: "443"}, "packs.example.com", "https://packs.example.com:443", false},
		"HTTP://packs.example.com":       {Address{Scheme: "http", Host: "packs.example.com"}, "packs.example.com", "https://packs.example.com", false},
		"http://packs.example.com:80":    {Address{Scheme: "http", Host: "packs.example.com", Port: "80"}, "packs.example.com:80", "https://packs.example.com:80", false},
		"https://example.com/a/packs//":  {Address{Scheme: "https", Host: "example.com", Path: "/a/packs"}, "example.com/a/packs", "https://example.com/a/packs", false},
		"example.com/packs":              {Address{Host: "example.com", Path: "/packs"}, "example.com/packs", "https://example.com/packs", false},
		"localhost:5000":                 {Address{Host: "localhost", Port: "5000"}, "localhost:5000", "https://localhost:5000", true},
		"localhost.example.com":          {Address{Host: "localhost.example.com"}, "localhost.example.com", "https://localhost.example.com", false},
		"127.1.2.3:05000":                {Address{Host: "127.1.2.3", Port: "5000"}, "127.1.2.3:5000", "https://127.1.2.3:5000", true},
		"127.0.0.1.example.com":          {Address{Host: "127.0.0.1.example.com"}, "127.0.0.1.example.com", "https://127.0.0.1.example.com", false},
		"::1":                            {Address{Host: "::1"}, "[::1]", "https://[::1]", true},
		"[::1]:5000":                     {Address{Host: "::1", Port: "5000"}, "[::1]:5000", "https://[::1]:5000", true},
		"[::ffff:127.0.0.1]:5000":        {Address{Host: "::ffff:127.0.0.1", Port: "5000"}, "[::ffff:127.0.0.1]:5000", "https://[::ffff:127.0.0.1]:5000", true},
		"https://[2001:DB8::1]/p":        {Address{Scheme: "https", Host: "2001:db8::1", Path: "/p"}, "[2001:db8::1]/p", "https://[2001:db8::1]/p", false},
	} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want.address, a); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if a.Name() != want.name || a.url("https").String() != want.https || a.Loopback() != want.loopback {
			t.Errorf("%q: name %q, url %q, loopback %v", text, a.Name(), a.url("https"), a.Loopback())
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "/", "http://", "https://:5000", "ftp://example.com", "example.com:0", "example.com:65536", "example.com:port",
		"user:secret@example.com", "https://user@example.com", "example.com?x=y", "example.com?", "https://example.com#top", "exa mple.com", "a\nb",
		"http:example.com", "::1:::", "[::1", "../../etc", "..", "a..b", `a\\b`,
	} {
		a, err := ParseAddress(text)
		if !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
}
