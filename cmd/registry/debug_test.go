package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"packregistry/internal/auth"
)

// roles lets each user in whose password is "right".
type roles map[string]auth.Role

func (r roles) Authenticate(_ context.Context, user, password, _ string) (auth.Identity, error) {
	if role, ok := r[user]; ok && password == "right" {
		return auth.Identity{Name: user, Role: role}, nil
	}
	return auth.Identity{}, errors.New("no")
}

func TestProfilesAreForAdmins(t *testing.T) {
	srv := httptest.NewServer(adminOnly(roles{"root": auth.Admin, "ci": auth.Publisher}, profiles()))
	defer srv.Close()
	for _, tc := range []struct {
		user, password string
		want           int
	}{
		{"", "", 401}, {"root", "wrong", 401}, {"ci", "right", 401}, {"root", "right", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/debug/pprof/goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.user != "" {
			req.SetBasicAuth(tc.user, tc.password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tc.want || len(body) == 0 {
			t.Errorf("%s:%s: %d, %v", tc.user, tc.password, resp.StatusCode, err)
		}
	}
}

func TestDebugAddressInUse(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	if _, err := serveDebug(t.Context(), srv.Listener.Addr().String(), roles{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("an address in use was taken")
	}
}
