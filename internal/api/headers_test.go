package api

import (
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestConfiguredHeaders asks handlers that say nothing, something else, something more, that nothing has changed, and that fail.
func TestConfiguredHeaders(t *testing.T) {
	const page, vary = "img-src 'self'", "Origin"
	s := bare(t, func(c *Config) {
		c.Headers = http.Header{"content-security-policy": {page}, "Vary": {vary}, "X-Extra": {"a", "b"}}
	})
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"/silent": func(http.ResponseWriter, *http.Request) {},
		"/own": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "sandbox")
			w.Write([]byte("x"))
		},
		"/more": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Vary", "Accept")
			http.NewResponseController(w).Flush()
		},
		"/unchanged": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"/hint": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		},
		"/fails": func(http.ResponseWriter, *http.Request) { panic("on purpose") },
	} {
		mux.HandleFunc(path, h)
	}
	ts := newHTTP(t, s.observe(mux))
	for _, c := range []struct {
		path   string
		status int
		policy string
		vary   []string
	}{
		{"/silent", 200, page, []string{vary}},
		{"/own", 200, "sandbox", []string{vary}},
		{"/more", 200, page, []string{vary, "Accept"}},
		{"/unchanged", 304, "", []string{vary}},
		{"/hint", 202, page, []string{vary}},
		{"/fails", 500, page, []string{vary}},
		{"/silent", 200, page, []string{vary}}, // nothing is left of the others
	} {
		got := ask(t, ts, "", "GET", c.path, nil).want(t, c.status)
		if p := got.header.Get("Content-Security-Policy"); p != c.policy {
			t.Errorf("%s: the policy is %q, want %q", c.path, p, c.policy)
		}
		if v := got.header.Values("Vary"); !slices.Equal(v, c.vary) {
			t.Errorf("%s: Vary is %q, want %q", c.path, v, c.vary)
		}
		if x := got.header.Values("X-Extra"); !slices.Equal(x, []string{"a", "b"}) {
			t.Errorf("%s: X-Extra is %q", c.path, x)
		}
	}
}

func TestDate(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	s := bare(t, func(c *Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	ts := newHTTP(t, s.handler())
	for _, c := range []struct {
		later time.Duration
		want  string
	}{
		{0, "Sun, 01 Mar 2026 09:00:00 GMT"},
		{999 * time.Millisecond, "Sun, 01 Mar 2026 09:00:00 GMT"},
		{time.Millisecond, "Sun, 01 Mar 2026 09:00:01 GMT"},
		{-time.Second, "Sun, 01 Mar 2026 09:00:00 GMT"}, // the clock was put back
	} {
		mu.Lock()
		now = now.Add(c.later)
		mu.Unlock()
		if got := ask(t, ts, "", "GET", "/health", nil).want(t, 200).header.Values("Date"); !slices.Equal(got, []string{c.want}) {
			t.Errorf("Date %q, want %q", got, c.want)
		}
	}
}

func TestNewIDs(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z2-7]{24}$`)
	seen := map[string]bool{}
	letters := map[byte]bool{}
	for range 1000 {
		id := newID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("%q, seen before: %v", id, seen[id])
		}
		seen[id] = true
		for i := range len(id) {
			letters[id[i]] = true
		}
	}
	if len(letters) != 32 {
		t.Errorf("%d letters are in use", len(letters))
	}
}
