package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"packregistry/internal/api/gen"
	"packregistry/internal/pack"
)

// TestStatusTable is design section 5's table.
func TestStatusTable(t *testing.T) {
	table := map[pack.Kind]int{
		pack.KindInvalid: 400, pack.KindUnauthorized: 401, pack.KindForbidden: 403, pack.KindNotFound: 404,
		pack.KindConflict: 409, pack.KindCursorGone: 410, pack.KindPrecondition: 412, pack.KindTooLarge: 413,
		pack.KindUnsupported: 415, pack.KindBadPack: 422, pack.KindBusy: 429, pack.KindUnavailable: 503,
		pack.KindNoSpace: 507, pack.KindCorrupt: 500, pack.KindInternal: 500,
	}
	for kind, status := range table {
		p, retry := problemOf(context.Background(), fmt.Errorf("wrapped: %w", &pack.Error{Kind: kind, Message: "m", Err: errors.New("secret")}))
		if p.Status != status || p.Code != string(kind) || p.Detail != "m" || p.Title == "" {
			t.Errorf("%s: %+v, want status %d", kind, p, status)
		}
		if (status == 429 || status == 503) != (retry > 0) {
			t.Errorf("%s: Retry-After %v", kind, retry)
		}
	}
}

func TestInternalTextStaysInside(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	handler := s.observe(s.handle(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Disposition", "attachment")
		switch r.URL.Path {
		case "/panic":
			panic("secret")
		case "/plain":
			return errors.New("secret")
		}
		return pack.Wrap(pack.KindInternal, errors.New("secret"), "the server could not write to its disk")
	}))
	ts := httptest.NewServer(handler)
	defer ts.Close()
	for _, path := range []string{"/panic", "/plain", "/wrapped"} {
		got := ask(t, ts, "", "GET", path, nil, "X-Request-Id", "trace-1").want(t, 500)
		if strings.Contains(got.body, "secret") {
			t.Errorf("%s told %s", path, got.body)
		}
		if got.header.Get("ETag") != "" || got.header.Get("Content-Disposition") != "" {
			t.Errorf("%s kept headers of the content: %v", path, got.header)
		}
		var p gen.Problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.RequestId != "trace-1" || p.Detail == "" {
			t.Errorf("%s: %v %+v", path, err, p)
		}
	}
	if n := strings.Count(log.String(), "secret"); n < 3 {
		t.Errorf("the log has the cause %d times: %s", n, log.String())
	}
}

func TestMethodsAndPaths(t *testing.T) {
	ts := httptest.NewServer(bare(t, nil).handler())
	defer ts.Close()
	got := ask(t, ts, "admin", "PATCH", "/api/v1/packs", nil).want(t, 405, `"code":"method_not_allowed"`)
	if allow := got.header.Get("Allow"); allow != "GET, POST, HEAD" {
		t.Errorf("Allow %q", allow)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	ask(t, ts, "admin", "BREW", "/health", nil).want(t, 405)
	ask(t, ts, "admin", "BREW", "/api/v1/teapots", nil).want(t, 404, `"code":"route_not_found"`)
	ask(t, ts, "", "GET", "/api/v2/packs", nil).want(t, 404, `"code":"route_not_found"`)
	ask(t, ts, "", "GET", "/v1/a/b/manifests/1", nil).want(t, 401)
	ask(t, ts, "reader", "GET", "/v1/a/b/manifests/1", nil).want(t, 404, `"code":"legacy_route_unknown"`)
	ask(t, ts, "admin", "GET", "/api/v1/packs?q=%zz", nil).want(t, 400, "query_invalid")
	if got := ask(t, ts, "", "HEAD", "/health", nil).want(t, 200); got.body != "" {
		t.Error("HEAD with a body")
	}
}

func TestRequestID(t *testing.T) {
	ts := httptest.NewServer(bare(t, func(c *Config) { c.Headers = http.Header{"X-Frame-Options": {"DENY"}} }).handler())
	defer ts.Close()
	for given, taken := range map[string]bool{"abc-1.2_3": true, "": false, "with space": false, strings.Repeat("a", 65): false, `quote"`: false} {
		got := ask(t, ts, "", "GET", "/health", nil, "X-Request-Id", given)
		if id := got.header.Get("X-Request-Id"); (id == given) != taken || id == "" {
			t.Errorf("%q became %q", given, id)
		}
		if got.header.Get("X-Frame-Options") != "DENY" {
			t.Error("the configured header is missing")
		}
	}
}

// TestLogHoldsNoSecrets looks for a password, a query and a token.
func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	ts := httptest.NewServer(s.handler())
	defer ts.Close()
	ask(t, ts, "reader", "GET", "/v1/?token=hush", nil)
	ask(t, ts, "", "GET", "/v1/", nil, "Authorization", "Basic hush", "Cookie", "hush")
	ask(t, ts, "wrong", "GET", "/v1/", nil)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || strings.Contains(log.String(), "hush") || strings.Contains(log.String(), `"pw"`) {
		t.Errorf("log: %s", log.String())
	}
	for _, want := range []string{`"user":"reader"`, `"status":200`, `"route":"/v1"`, `"address":"127.0.0.1"`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("the line lacks %s: %s", want, lines[0])
		}
	}
}

// TestLogLinesAreBounded: nobody without an account fills the log with a few requests.
func TestLogLinesAreBounded(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	ts := newHTTP(t, s.handler())
	ask(t, ts, "", "GET", "/"+strings.Repeat("é", 20_000), nil, "User-Agent", strings.Repeat("a", 20_000)).want(t, 404)
	ts.Close() // waits for the line
	if n := log.Len(); n == 0 || n > 4096 {
		t.Errorf("a line of %d bytes", n)
	}
}

func TestConflictSaysHowToForce(t *testing.T) {
	p, _ := problemOf(context.Background(), pack.Errorf(pack.KindConflict, "version_exists", "it is there"))
	if !strings.Contains(p.Detail, "force=true") {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	s := bare(t, nil)
	w := httptest.NewRecorder()
	s.fail(w, httptest.NewRequest("GET", "/", nil), &pack.Error{Kind: pack.KindUnavailable, RetryAfter: 1200 * time.Millisecond})
	if w.Code != 503 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}
