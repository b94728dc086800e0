package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage"
	"packregistry/internal/storage/local"
)

// house is a server on a real core: SQLite and a directory.
type house struct {
	*httptest.Server
	t    testing.TB
	api  *server
	core *registry.Registry
	cfg  registry.Config // of core
}

const (
	testArchiveLimit = 8 << 20
	testBlobLimit    = 16 << 20
)

func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	return buildHouse(t, func(storage.Store) storage.Linker { return nil }, change)
}

// buildHouse gives the house a store whose blobs have addresses.
func buildHouse(t testing.TB, linker func(storage.Store) storage.Linker, change func(*Config)) *house {
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
	coreConfig := registry.Config{
		Store: store, Linker: linker(store), DB: catalogue, Checker: checker, SpoolDir: t.TempDir(), ArchiveLimit: testArchiveLimit,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	core := registry.New(coreConfig)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := core.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("run: %v", err)
		}
	}()
	content := oci.New(oci.Config{
		Registry: core, Store: store, Linker: coreConfig.Linker, DB: catalogue, OCI: catalogue, SpoolDir: t.TempDir(), ManifestLimit: 4 << 20, BlobLimit: testBlobLimit,
		Overwrite: func(namespace string) bool { return namespace == "scratch" }, UploadTTL: time.Hour, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	cfg := Config{Registry: core, OCI: content, BlobLimit: testBlobLimit, Auth: fakeAuth{}, ArchiveLimit: testArchiveLimit}
	if change != nil {
		change(&cfg)
	}
	s, err := newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Server: httptest.NewServer(s.handler()), t: t, api: s, core: core, cfg: coreConfig}
	t.Cleanup(func() {
		stop()
		h.Server.CloseClientConnections()
		h.Server.Close()
		<-done
		if err := catalogue.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// as makes a request as a user of fakeAuth.
func (h *house) as(who, method, path string, body []byte, headers ...string) answer {
	h.t.Helper()
	return ask(h.t, h.Server, who, method, path, bytes.NewReader(body), headers...)
}

// push publishes and must succeed.
func (h *house) push(data []byte, query string) pack.Version {
	h.t.Helper()
	return decode[pack.Version](h.t, h.as("publisher", "POST", "/api/v1/packs"+query, data).want(h.t, 201))
}

func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
	return v
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func small(name, version string, opts ...packtest.Option) []byte {
	return packtest.PackZip(name, version, opts...)
}
