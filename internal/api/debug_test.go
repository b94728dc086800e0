package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"packregistry/internal/registry"
)

// The debug address is an admin's alone, whatever anonymous readers may do elsewhere.
func TestDebug(t *testing.T) {
	handler, err := NewDebug(Config{Registry: registry.New(registry.Config{}), Auth: fakeAuth{}, Anonymous: AnonymousPull})
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(handler)
	defer ts.Close()
	for path, holds := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile: total",
		"/debug/pprof/cmdline":           "test",
		"/debug/vars":                    "memstats",
	} {
		for who, want := range map[string]int{
			"": http.StatusUnauthorized, "nobody": http.StatusUnauthorized, "reader": http.StatusForbidden,
			"publisher": http.StatusForbidden, "busy": http.StatusTooManyRequests, "admin": http.StatusOK,
		} {
			got := ask(t, ts, who, "GET", path, nil)
			if got.status != want {
				t.Errorf("%s as %q: %d, want %d", path, who, got.status, want)
			}
			if has := strings.Contains(got.body, holds); has != (want == http.StatusOK) {
				t.Errorf("%s as %q: %q in the answer: %v", path, who, holds, has)
			}
		}
	}
	if got := ask(t, ts, "admin", "PUT", "/debug/vars", nil); got.status != http.StatusMethodNotAllowed || !strings.HasPrefix(got.header.Get("Allow"), "GET") {
		t.Errorf("another method: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	if got := ask(t, ts, "admin", "GET", "/api/v1/packs", nil); got.status != http.StatusNotFound {
		t.Errorf("the debug address answers the face's routes: %d", got.status)
	}
}
