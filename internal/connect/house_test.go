package connect_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/auth"
	"packregistry/internal/connect"
	"packregistry/internal/db"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/doctor"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage/memory"
	"packregistry/internal/testenv"
)

const apiKey = "key-4711"

// house is a registry over TLS, and a Palette that reads it.
type house struct {
	t       *testing.T
	db      db.DB
	core    *registry.Registry
	reg     *httptest.Server
	palette *palettetest.Palette
	at      *httptest.Server // of the Palette
	log     *testenv.Output

	mu       sync.Mutex
	ahead    time.Duration // of the real time, for Palette and for services
	wrong    time.Duration // how much more Palette's clock is ahead
	examined int
	unready  []string // what the next examinations find failed
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, log: &testenv.Output{}}
	var err error
	dir := t.TempDir()
	if h.db, err = sqlite.Open(context.Background(), filepath.Join(dir, "registry.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	checker := must(check.New(archive.DefaultLimits()))(t)
	store := memory.New()
	h.core = registry.New(registry.Config{
		Store: store, DB: h.db, Checker: checker, SpoolDir: dir, ArchiveLimit: 8 << 20, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	face := must(api.New(api.Config{
		Registry: h.core, Palette: h.service(nil), Auth: must(auth.New(auth.Config{Store: accounts{h.db}}))(t),
		OCI: oci.New(oci.Config{Registry: h.core, Store: store, DB: h.db, OCI: h.db, SpoolDir: dir, ManifestLimit: 4 << 20, Log: slog.New(slog.DiscardHandler), Now: time.Now}),
	}))(t)
	h.reg = serve(t, face)
	h.palette = palettetest.New(palettetest.Options{APIKey: apiKey, Now: h.nowThere, Rate: -1})
	h.at = serve(t, h.palette)
	t.Cleanup(func() { h.palette.Close(); h.reg.Close(); h.at.Close(); _ = h.db.Close() })
	return h
}

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.CloseClientConnections)
	return s
}

// accounts hands the catalogue's accounts to auth, as cmd does.
type accounts struct{ db.DB }

func (a accounts) Accounts(ctx context.Context) ([]auth.Account, error) {
	list, err := a.ListAccounts(ctx)
	var out []auth.Account
	for _, x := range list {
		role, _ := auth.ParseRole(x.Role)
		out = append(out, auth.Account{Name: x.Name, Hash: x.Hash, Role: role})
	}
	return out, err
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.ahead)
}

// nowThere is what Palette's clock tells.
func (h *house) nowThere() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.ahead + h.wrong)
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

// service is a replica's, which speaks to the Palette unless change takes that away.
func (h *house) service(change func(*palette.Options)) *connect.Service {
	h.t.Helper()
	c := connect.Config{
		Store: h.db, Packs: h.core, Examine: h.examine, NewPassword: auth.NewPassword, Every: 20 * time.Millisecond, Retry: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(h.log, nil)), Now: h.now,
		HashPassword: func(password string) (string, error) { return auth.HashPassword(password, auth.MinCost) },
	}
	if h.at != nil {
		o := palette.Options{
			URL: h.at.URL, Login: palette.Login{APIKey: apiKey}, CA: certificate(h.at), UserAgent: "test/1", Now: h.now, Attempts: 1,
			Sleep: func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, 20*time.Millisecond)) },
			Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		}
		if change != nil {
			change(&o)
		}
		c.Palette = must(palette.New(o))(h.t)
		h.t.Cleanup(c.Palette.Close)
	}
	return connect.New(c)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// examine has the real doctor look.
func (h *house) examine(ctx context.Context, address string, kind palette.Kind, user, password string) (*connect.Examination, error) {
	h.mu.Lock()
	h.examined++
	e := &connect.Examination{Failed: h.unready}
	h.mu.Unlock()
	r, err := doctor.Examine(ctx, doctor.Options{Address: address, User: user, Password: password, CA: certificate(h.reg), Now: time.Now})
	if err != nil {
		return nil, err
	}
	for _, c := range r.Checks {
		if c.Status == doctor.Failed {
			e.Failed = append(e.Failed, c.Name+": "+c.Detail)
		}
	}
	for _, f := range r.Forms {
		if (f.Kind == "oci") == (kind == palette.KindOCI) {
			e.Endpoint, e.BasePath, e.Certificate = f.Endpoint, f.BasePath, f.Certificate
		}
	}
	return e, nil
}

func (h *house) target() connect.Target {
	return connect.Target{Name: "mine", Kind: palette.KindOCI, Namespace: "default", Advertise: h.reg.URL}
}

// push publishes a pack; its values are the text.
func (h *house) push(name, version, values string) *pack.Version {
	h.t.Helper()
	p, err := h.core.Publish(context.Background(), registry.Upload{
		Namespace: "default", Body: bytes.NewReader(packtest.PackZip(name, version, packtest.File("values.yaml", values))), By: "alice", Force: true, Message: "test",
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Version
}

// follow runs a replica until the function that it returns is called.
func (h *house) follow(s *connect.Service, t *connect.Target) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Follow(ctx, t) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	h.t.Cleanup(stop)
	return stop
}

// status is of the only connection.
func (h *house) status() connect.Status {
	h.t.Helper()
	list := must(h.service(nil).Statuses(context.Background()))(h.t)
	if len(list) == 0 {
		return connect.Status{}
	}
	return list[0]
}

// shown waits until the very revision is known to be shown.
func (h *house) shown(v *pack.Version) {
	h.t.Helper()
	h.eventually(v.Name+" "+v.Version+" is shown", func() bool {
		in := must(h.db.ShownIn(context.Background(), v.Namespace, v.Name, v.Version, v.Revision))(h.t)
		return len(in) == 1 && in[0].Entry == "mine"
	})
}

func (h *house) eventually(what string, holds func() bool) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("after a minute not: %s\n%+v\n%s", what, h.status(), h.log)
		}
	}
}

// asked counts what the Palette was asked.
func (h *house) asked(method, suffix string) (n int) {
	for _, r := range h.palette.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

func certificate(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// get reads a document of the registry as the account.
func (h *house) get(user, password, path string) (int, string) {
	h.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(h.reg.Certificate())
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer c.CloseIdleConnections()
	req := must(http.NewRequest(http.MethodGet, h.reg.URL+path, nil))(h.t)
	req.SetBasicAuth(user, password)
	resp := must(c.Do(req))(h.t)
	defer resp.Body.Close()
	return resp.StatusCode, string(must(io.ReadAll(resp.Body))(h.t))
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
