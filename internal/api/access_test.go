package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"packregistry/internal/api/oci"
	"packregistry/internal/auth"
)

type route struct{ method, pattern string }

func walk(t *testing.T, s *server) []route {
	t.Helper()
	var out []route
	err := chi.Walk(s.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		out = append(out, route{method, pattern})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 25 {
		t.Fatalf("only %d routes were walked", len(out))
	}
	return out
}

// everyRoute is walk and the routes of /v2, which are none of chi's.
func everyRoute(t *testing.T, s *server) []route {
	t.Helper()
	out := walk(t, s)
	for _, r := range oci.Routes() {
		out = append(out, route{r.Method, r.Pattern})
	}
	return out
}

// TestEveryRouteHasARow holds the table against the router, both ways.
func TestEveryRouteHasARow(t *testing.T) {
	s := bare(t, nil)
	seen := map[accessKey]bool{}
	for _, r := range everyRoute(t, s) {
		method := r.method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		key := keyOf(method, r.pattern)
		seen[key] = true
		if _, ok := s.rules[key]; !ok {
			t.Errorf("%s %s has no row in the access table", r.method, r.pattern)
		}
	}
	for key := range s.rules {
		if !seen[key] {
			t.Errorf("the access table has a row for %v, which is no route", key)
		}
	}
	if len(s.rules) != len(accessTable()) {
		t.Errorf("the access table has %d rows for %d routes", len(accessTable()), len(s.rules))
	}
}

// TestRouteWithoutRowAnswersNobody proves that the guard works.
func TestRouteWithoutRowAnswersNobody(t *testing.T) {
	s := bare(t, nil)
	delete(s.rules, keyOf("GET", "/health"))
	ts := httptest.NewServer(s.handler())
	defer ts.Close()
	ask(t, ts, "admin", "GET", "/health", nil).want(t, 500)
}

// expected is what authorisation must answer: 401, 403, or 0 for "let through".
// It is written without a look at the code that decides.
func expected(row access, anonymous, who string) int {
	may := map[string]auth.Role{"reader": auth.Reader, "publisher": auth.Publisher, "admin": auth.Admin}
	switch {
	case row.anonymous == open:
		return 0
	case who == "wrong":
		return 401
	case who == "":
		if (anonymous == "pull" && row.anonymous != never) || (anonymous == "logos" && row.anonymous == onLogo) {
			return 0
		}
		return 401
	case may[who] < row.role:
		return 403
	}
	return 0
}

// TestEveryRouteWithEveryCaller tries the cross of routes, callers and settings of anonymous.
func TestEveryRouteWithEveryCaller(t *testing.T) {
	for _, anonymous := range []string{"none", "logos", "pull"} {
		h := newHouse(t, func(c *Config) { c.Anonymous = anonymous })
		s, ts := h.api, h.Server
		for _, r := range everyRoute(t, s) {
			method := r.method
			if method == http.MethodHead {
				method = http.MethodGet
			}
			row := s.rules[keyOf(method, r.pattern)]
			path := strings.NewReplacer("{name}", "NO", "{ref}", "1.0.0", "{tag}", "stable", "{digest}", "sha256:0",
				"*", "logo.png", "{repo}", "UPPER/case", "{reference}", "1.0.0", "{id}", "u").Replace(r.pattern)
			for _, who := range []string{"", "wrong", "reader", "publisher", "admin"} {
				got := ask(t, ts, who, r.method, path+"?namespace=UPPER", nil).status
				want := expected(row, anonymous, who)
				if got == 401 || got == 403 || want != 0 {
					if got != want {
						t.Errorf("anonymous %s: %s %s as %q: %d, want %d", anonymous, r.method, path, who, got, want)
					}
				}
			}
		}
	}
}

func TestTableSaysWhatTheDesignSays(t *testing.T) {
	for _, row := range accessTable() {
		writes := row.method != http.MethodGet && row.pattern != "/api/v1/validate"
		if writes && (row.role != auth.Publisher || row.anonymous != never) {
			t.Errorf("%s %s writes and must need a publisher", row.method, row.pattern)
		}
		if row.anonymous == open && row.pattern != "/health" && row.pattern != "/ready" && row.pattern != "/api/v1/openapi.json" {
			t.Errorf("%s %s is open to everyone", row.method, row.pattern)
		}
	}
}

func TestCredentials(t *testing.T) {
	ts := newHouse(t, func(c *Config) { c.Anonymous, c.Realm = "pull", `a "realm"` }).Server
	got := ask(t, ts, "", "GET", "/metrics", nil).want(t, 401, `"code":"credentials_required"`)
	if c := got.header.Get("WWW-Authenticate"); c != `Basic realm="a \"realm\"", charset="UTF-8"` {
		t.Errorf("challenge %q", c)
	}
	ask(t, ts, "", "GET", "/v1/", nil).want(t, 200, "{}")
	ask(t, ts, "wrong", "GET", "/v1/", nil).want(t, 401, `"code":"credentials_invalid"`)
	ask(t, ts, "", "GET", "/v1/", nil, "Authorization", "Bearer abc").want(t, 401, `"code":"credentials_invalid"`)
	if got := ask(t, ts, "busy", "GET", "/v1/", nil).want(t, 429); got.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	ask(t, ts, "reader", "POST", "/api/v1/packs", strings.NewReader("x")).want(t, 403, "the account reader is a reader; this needs a publisher")
	ask(t, ts, "reader", "GET", "/metrics", nil).want(t, 200, "registry_http_requests_total")
}
