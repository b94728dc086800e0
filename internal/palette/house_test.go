package palette_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
)

// Secrets of the tests; no error may hold them.
const (
	apiKey   = "key-4711+/=&<secret>"
	password = `pass "word" \ 4712`
	reader   = "reader-4713/äß=&"
)

// clock is a time that only waiting moves.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	naps []time.Duration
	wake func(n int) // called after each nap, with their number
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.naps = append(c.naps, d)
	n, wake := len(c.naps), c.wake
	c.mu.Unlock()
	if wake != nil {
		wake(n)
	}
	return ctx.Err()
}

// long are the naps that pacing does not explain.
func (c *clock) long() (out []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.naps {
		if d > 100*time.Millisecond {
			out = append(out, d)
		}
	}
	return out
}

// fake starts a Palette that has the tests' accounts.
func fake(t *testing.T, c *clock) (*palettetest.Palette, *httptest.Server) {
	t.Helper()
	p := palettetest.New(palettetest.Options{
		APIKey: apiKey, Now: c.now,
		Users: map[string]palettetest.User{
			"ann@example.com": {Password: password}, "mfa@example.com": {Password: password, MFA: true},
		},
		System: map[string]palettetest.User{"admin": {Password: password}},
	})
	return p, serve(t, p, p.Close)
}

func serve(t *testing.T, h http.Handler, stop func()) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		if stop != nil {
			stop()
		}
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// client makes a client of the server that does not wait.
func client(t *testing.T, s *httptest.Server, c *clock, change func(*palette.Options)) *palette.Client {
	t.Helper()
	o := palette.Options{
		URL: s.URL, Login: palette.Login{APIKey: apiKey}, CA: certificate(s), UserAgent: "test/1", Now: c.now, Sleep: c.sleep,
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
	}
	if change != nil {
		change(&o)
	}
	p, err := palette.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// entry is a registry where nobody listens.
func entry(kind palette.Kind, name string) *palette.Entry {
	e := &palette.Entry{Kind: kind, Name: name, Endpoint: "https://127.0.0.1:1", Auth: palette.Auth{Username: "palette", Password: reader}}
	if kind == palette.KindOCI {
		e.BaseContentPath = "default"
	}
	return e
}

// count is how many requests of that method and path the fake got.
func count(p *palettetest.Palette, method, path string) (n int) {
	for _, r := range p.Requests() {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func contains(haystack []byte, needles ...string) string {
	for _, n := range needles {
		if bytes.Contains(haystack, []byte(n)) {
			return n
		}
	}
	return ""
}
