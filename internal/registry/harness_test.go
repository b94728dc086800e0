package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

const ns = "default"

// env is a registry on real backends whose store and database can be made to fail.
type env struct {
	*registry.Registry
	t     testing.TB
	cfg   registry.Config
	store *storagetest.Faulty
	db    *faultyDB
	// readers are those of waiting that have no answer yet.
	readers *atomic.Int64
	// again opens the same database once more, as another process would.
	again func() db.DB
}

type change = func(*registry.Config)

// embedded is SQLite and a directory.
func embedded(t testing.TB, changes ...change) *env {
	t.Helper()
	dir := t.TempDir()
	return newEnv(t, dir, openLocal(t, dir), func() db.DB { return openSQLite(t, filepath.Join(dir, "registry.db")) }, changes...)
}

// production is Postgres and S3.
func production(t testing.TB, changes ...change) *env {
	t.Helper()
	url := testenv.Postgres(t)
	return newEnv(t, t.TempDir(), openS3(t), func() db.DB { return openPostgres(t, url) }, changes...)
}

// both runs a test on both.
func both(t *testing.T, test func(t *testing.T, open func(t testing.TB, changes ...change) *env)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded) })
	t.Run("production", func(t *testing.T) { test(t, production) })
}

func newEnv(t testing.TB, dir string, store storage.Store, open func() db.DB, changes ...change) *env {
	t.Helper()
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(dir, "spool")
	if err := os.MkdirAll(spool, 0o755); err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, store: storagetest.NewFaulty(store), db: &faultyDB{DB: open()}, again: open, readers: new(atomic.Int64)}
	e.cfg = registry.Config{
		Store: e.store, DB: e.db, Checker: checker, SpoolDir: spool,
		ArchiveLimit: 256 << 20, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range changes {
		c(&e.cfg)
	}
	e.Registry = registry.New(e.cfg)
	return e
}

// replica is a second process on the same store and database.
func (e *env) replica() *env {
	r := *e
	r.readers = new(atomic.Int64)
	r.db = &faultyDB{DB: e.again()}
	r.cfg.DB = r.db
	r.Registry = registry.New(r.cfg)
	return &r
}

// run starts Run until the test ends.
func (e *env) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	e.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Errorf("Run: %v", err)
		}
	})
}

func upload(body []byte) registry.Upload {
	return registry.Upload{Namespace: ns, Body: bytes.NewReader(body), By: "tester"}
}

func forced(body []byte) registry.Upload {
	u := upload(body)
	u.Force, u.Message = true, "because of the test"
	return u
}

func (e *env) publish(u registry.Upload, want db.Outcome) *pack.Version {
	e.t.Helper()
	p, err := e.Publish(e.t.Context(), u)
	if err != nil {
		e.t.Fatalf("publish: %v", err)
	}
	if p.Outcome != want {
		e.t.Fatalf("outcome %q, want %q", p.Outcome, want)
	}
	return p.Version
}

func (e *env) resolve(name, ref string) *pack.Version {
	e.t.Helper()
	v, err := e.Resolve(e.t.Context(), ns, name, ref)
	if err != nil {
		e.t.Fatalf("resolve %s %s: %v", name, ref, err)
	}
	return v
}

// fetch reads an archive whole.
func (e *env) fetch(v *pack.Version, f pack.Format) []byte {
	e.t.Helper()
	c, err := e.Archive(e.t.Context(), v, f)
	if err != nil {
		e.t.Fatalf("archive: %v", err)
	}
	return e.content(c)
}

// content reads a Content whole and holds it against its own size and digest.
func (e *env) content(c *registry.Content) []byte {
	e.t.Helper()
	b := e.slice(c, 0, -1)
	if int64(len(b)) != c.Size || digest(b) != c.Digest {
		e.t.Fatalf("%s: got %d bytes, %s; announced %d, %s", c.Name, len(b), digest(b), c.Size, c.Digest)
	}
	return b
}

func (e *env) slice(c *registry.Content, offset, length int64) []byte {
	e.t.Helper()
	stream, err := c.Open(e.t.Context(), offset, length)
	if err != nil {
		e.t.Fatalf("open %s from %d: %v", c.Name, offset, err)
	}
	b, err := io.ReadAll(stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		e.t.Fatalf("read %s from %d: %v", c.Name, offset, err)
	}
	return b
}

func digest(b []byte) pack.Digest {
	sum := sha256.Sum256(b)
	return pack.NewDigest(sum[:])
}

// blobs lists what is in the store.
func (e *env) blobs() []pack.Digest {
	e.t.Helper()
	var ds []pack.Digest
	err := e.store.Walk(e.t.Context(), func(b storage.Info) error { ds = append(ds, b.Digest); return nil })
	if err != nil {
		e.t.Fatal(err)
	}
	slices.Sort(ds)
	return ds
}

// noSpools fails when an upload left a file behind.
func (e *env) noSpools() {
	e.t.Helper()
	left, err := filepath.Glob(filepath.Join(e.cfg.SpoolDir, storage.SpoolPattern))
	if err != nil || len(left) > 0 {
		e.t.Fatalf("spool files left behind: %v %v", left, err)
	}
}

// clean sweeps until no orphan is left (leases of crashed publishes run out) and
// then demands that everything holds.
func (e *env) clean() *registry.VerifyReport {
	e.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := e.Sweep(e.t.Context(), false); err != nil {
			e.t.Fatalf("sweep: %v", err)
		}
		report, err := e.Verify(e.t.Context())
		if err != nil {
			e.t.Fatalf("verify: %v", err)
		}
		if !report.Clean() {
			e.t.Fatalf("verify: %+v", report)
		}
		refs := 0
		err = e.cfg.DB.BlobRefs(e.t.Context(), func(db.BlobRef) error { refs++; return nil })
		if err != nil {
			e.t.Fatal(err)
		}
		if len(e.blobs()) == refs {
			return report
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%d blobs stored, %d referred to, and no sweep removes the rest", len(e.blobs()), refs)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// wantKind fails unless err is of the kind and, when given, the code.
func wantKind(t testing.TB, err error, kind pack.Kind, code string) *pack.Error {
	t.Helper()
	var e *pack.Error
	if !errors.As(err, &e) || e.Kind != kind || (code != "" && e.Code != code) {
		t.Fatalf("error %v, want kind %s, code %q", err, kind, code)
	}
	return e
}

// rules are the rule ids of the errors among findings.
func rules(fs []pack.Finding) string {
	var ids []string
	for _, f := range fs {
		if f.Severity == pack.SeverityError {
			ids = append(ids, f.Rule)
		}
	}
	return strings.Join(ids, " ")
}
