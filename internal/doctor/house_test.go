package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/auth"
	"packregistry/internal/certs"
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

// palette is the account of these tests.
type palette struct{}

func (palette) Authenticate(_ context.Context, user, password, _ string) (auth.Identity, error) {
	if user != "palette" || password != "pw" {
		return auth.Identity{}, pack.Errorf(pack.KindUnauthorized, "credentials_invalid", "user name or password is wrong")
	}
	return auth.Identity{Name: user, Role: auth.Publisher}, nil
}

// newFace is all real faces on a real core, with one pack in the namespace team/edge and one in default.
func newFace(t *testing.T, change func(*api.Config)) http.Handler {
	t.Helper()
	return linkedFace(t, func(storage.Store) storage.Linker { return nil }, packtest.PackZip("alpha", "1.0.0"), change)
}

// linkedFace is newFace with a store whose blobs have addresses, and another pack.
func linkedFace(t *testing.T, linker func(storage.Store) storage.Linker, pack []byte, change func(*api.Config)) http.Handler {
	t.Helper()
	dir := t.TempDir()
	catalogue, err := sqlite.Open(context.Background(), filepath.Join(dir, "registry.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { catalogue.Close() })
	store, err := local.New(filepath.Join(dir, "blobs"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	core := registry.New(registry.Config{
		Store: store, Linker: linker(store), DB: catalogue, Checker: checker, SpoolDir: t.TempDir(), ArchiveLimit: 8 << 20,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	ociCore := oci.New(oci.Config{
		Registry: core, Store: store, Linker: linker(store), DB: catalogue, OCI: catalogue, SpoolDir: t.TempDir(), ManifestLimit: 4 << 20,
		Overwrite: func(string) bool { return false }, UploadTTL: time.Hour, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	cfg := api.Config{Registry: core, OCI: ociCore, Auth: palette{}}
	if change != nil {
		change(&cfg)
	}
	face, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/packs", "/api/v1/packs?namespace=team/edge"} {
		req := httptest.NewRequest("POST", cfg.Prefix+path, bytes.NewReader(pack))
		req.SetBasicAuth("palette", "pw")
		w := httptest.NewRecorder()
		if face.ServeHTTP(w, req); w.Code != 201 {
			t.Fatal(w.Code, w.Body)
		}
	}
	return face
}

// house is a server with a certificate of an authority of its own.
type house struct {
	*httptest.Server
	ca    []byte
	certs *certs.Result
}

// newHouse serves over TLS for the names; at is when the certificate was made.
func newHouse(t *testing.T, h http.Handler, at time.Time, names ...string) *house {
	t.Helper()
	made, err := certs.Make(certs.Options{Dir: t.TempDir(), Names: names, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(made.Path(certs.CertFile), made.Path(certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(made.Path(certs.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return &house{s, ca, made}
}

func (h *house) options() Options {
	return Options{Address: h.URL, User: "palette", Password: "pw", CA: h.ca, Now: time.Now}
}

func examine(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Examine(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.Text(), `"pw"`) || strings.Contains(r.Text(), " pw") {
		t.Errorf("the password is in the report:\n%s", r.Text())
	}
	for _, c := range r.Checks {
		if (c.Status == Failed || c.Status == Warning) != (c.Mend != "") {
			t.Errorf("%s %s: mend %q", c.Status, c.Name, c.Mend)
		}
	}
	return r
}

// find returns the check of that name, and fails when there is none.
func (r *Report) find(t *testing.T, name string) Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q in\n%s", name, r.Text())
	return Check{}
}

func (r *Report) want(t *testing.T, name string, s Status, parts ...string) {
	t.Helper()
	c := r.find(t, name)
	for _, p := range parts {
		if !strings.Contains(c.Detail+" -> "+c.Mend, p) {
			t.Errorf("%s lacks %q: %s -> %s", name, p, c.Detail, c.Mend)
		}
	}
	if c.Status != s || r.Healthy != (r.Count(Failed) == 0) {
		t.Errorf("%s is %s, want %s: %s", name, c.Status, s, c.Detail)
	}
}
