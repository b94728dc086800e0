//go:build unix

// The server that these tests start does not build for Windows.

package push_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/auth"
	"packregistry/internal/client"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry"
	"packregistry/internal/storage/local"
)

// publisher lets everybody in who says a name.
type publisher struct{}

func (publisher) Authenticate(_ context.Context, user, _, _ string) (auth.Identity, error) {
	return auth.Identity{Name: user, Role: auth.Publisher}, nil
}

// house is a real server, with somebody at its door.
type house struct {
	*client.Client
	requests, uploads atomic.Int32
	// door may do something with a request before or after the server; nil lets it in.
	door atomic.Pointer[func(w http.ResponseWriter, r *http.Request, in http.Handler)]
}

func (h *house) guard(f func(w http.ResponseWriter, r *http.Request, in http.Handler)) {
	h.door.Store(&f)
}

// newHouse starts a server on SQLite and a directory. In the namespace loose versions are overwritten without force.
func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	catalogue, err := sqlite.Open(context.Background(), filepath.Join(dir, "registry.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := local.New(filepath.Join(dir, "blobs"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	core := registry.New(registry.Config{
		Store: store, DB: catalogue, Checker: checker, SpoolDir: t.TempDir(), ArchiveLimit: 8 << 20,
		Overwrite: func(namespace string) bool { return namespace == "loose" }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	server, err := api.New(api.Config{Registry: core, Auth: publisher{}, ArchiveLimit: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" { // the client asks there whether TLS is spoken
			h.requests.Add(1)
		}
		if r.Method == http.MethodPost {
			h.uploads.Add(1)
		}
		if door := h.door.Load(); door != nil {
			(*door)(w, r, server)
			return
		}
		server.ServeHTTP(w, r)
	}))
	h.Client, err = client.New(client.Options{
		Server: ts.URL, Insecure: true, Username: "author", Password: "pw", UserAgent: "test",
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ts.CloseClientConnections()
		ts.Close()
		if err := catalogue.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// tree writes files into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// temporary gives the test a folder of temporary files that must be empty at its end.
func temporary(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("temporary files are left: %v %v", left, err)
		}
	})
}
