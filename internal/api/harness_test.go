package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"packregistry/internal/auth"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// fakeAuth knows reader, publisher and admin, each with the password "pw".
type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, user, password, _ string) (auth.Identity, error) {
	role, err := auth.ParseRole(user)
	if user == "busy" {
		return auth.Identity{}, &pack.Error{Kind: pack.KindBusy, Code: "too_many_logins", Message: "wait"}
	}
	if err != nil || password != "pw" {
		return auth.Identity{}, pack.Errorf(pack.KindUnauthorized, "credentials_invalid", "user name or password is wrong")
	}
	return auth.Identity{Name: user, Role: role}, nil
}

// bare is a server without a core below it: enough for what is decided before the core is called.
func bare(t testing.TB, change func(*Config)) *server {
	t.Helper()
	cfg := Config{Registry: registry.New(registry.Config{}), Auth: fakeAuth{}}
	if change != nil {
		change(&cfg)
	}
	s, err := newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request. who is a user of fakeAuth, "" nobody. headers are name, value, ...
func ask(t testing.TB, ts *httptest.Server, who, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, ts.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		req.SetBasicAuth(who, "pw")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	// A header of our own keeps the transport from unpacking gzip behind our back.
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	res, err := ts.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (a answer) want(t testing.TB, status int, parts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d; body %.500s", a.status, status, a.body)
	}
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			t.Errorf("the body lacks %q: %.500s", p, a.body)
		}
	}
	return a
}

// newHTTP serves a handler on a real connection until the test ends.
func newHTTP(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	return ts
}
