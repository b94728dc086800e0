package api

import (
	"net/http"
	"regexp"
	"slices"
	"sync/atomic"
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

// TestDate looks for the time at which the answer began, not at which it was asked for (RFC 9110 6.6.1).
func TestDate(t *testing.T) {
	var now atomic.Pointer[time.Time]
	later := func(d time.Duration) {
		next := now.Load().Add(d)
		now.Store(&next)
	}
	begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	now.Store(&begin)
	s := bare(t, func(c *Config) { c.Now = func() time.Time { return *now.Load() } })
	ts := newHTTP(t, s.observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.URL.Path[1:])
		if err != nil {
			w.Header().Set("Date", "of its own")
		}
		later(wait)
		w.Write([]byte("x"))
	})))
	for _, c := range []struct{ path, want string }{
		{"/0s", "Sun, 01 Mar 2026 09:00:00 GMT"},
		{"/999ms", "Sun, 01 Mar 2026 09:00:00 GMT"},
		{"/1ms", "Sun, 01 Mar 2026 09:00:01 GMT"},
		{"/1h", "Sun, 01 Mar 2026 10:00:01 GMT"},
		{"/-1s", "Sun, 01 Mar 2026 10:00:00 GMT"}, // the clock was put back
		{"/x", "of its own"},
	} {
		if got := ask(t, ts, "", "GET", c.path, nil).want(t, 200).header.Values("Date"); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: Date %q, want %q", c.path, got, c.want)
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
