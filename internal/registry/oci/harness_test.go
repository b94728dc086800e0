package oci_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage"
	"packregistry/internal/storage/local"
	"packregistry/internal/storage/s3"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

// env is an OCI core on real backends whose store and database can be made to fail.
type env struct {
	*oci.Core
	t      testing.TB
	reg    *registry.Registry
	regCfg registry.Config
	cfg    oci.Config
	store  *storagetest.Faulty
	db     *faultyDB
	again  func() db.DB
}

type change = func(*registry.Config, *oci.Config)

// both runs a test on SQLite and a directory, and on Postgres and S3.
func both(t *testing.T, test func(t *testing.T, open func(testing.TB, ...change) *env)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded) })
	t.Run("production", func(t *testing.T) { test(t, production) })
}

func embedded(t testing.TB, changes ...change) *env {
	t.Helper()
	dir := t.TempDir()
	store, err := local.New(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return newEnv(t, dir, store, func() db.DB {
		d, err := sqlite.Open(context.Background(), filepath.Join(dir, "registry.db"), sqlcat.Options{})
		return closed(t, d, err)
	}, changes...)
}

func production(t testing.TB, changes ...change) *env {
	t.Helper()
	url := testenv.Postgres(t)
	endpoint, bucket := testenv.Bucket(t)
	store, err := s3.New(context.Background(), s3.Config{
		Bucket: bucket, Endpoint: endpoint.URL, Region: endpoint.Region, AccessKey: endpoint.AccessKey, SecretKey: endpoint.SecretKey,
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return newEnv(t, t.TempDir(), store, func() db.DB {
		d, err := postgres.Open(context.Background(), url, postgres.Options{})
		return closed(t, d, err)
	}, changes...)
}

func closed(t testing.TB, d db.DB, err error) db.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
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
	e := &env{t: t, store: storagetest.NewFaulty(store), db: &faultyDB{DB: open()}, again: open}
	log := slog.New(slog.DiscardHandler)
	e.regCfg = registry.Config{
		Store: e.store, DB: e.db, Checker: checker, SpoolDir: spool, ArchiveLimit: 256 << 20, Now: time.Now, Log: log,
	}
	e.cfg = oci.Config{
		Store: e.store, DB: e.db, OCI: e.db, SpoolDir: spool, ManifestLimit: 4 << 20, UploadTTL: time.Hour, Now: time.Now, Log: log,
	}
	for _, c := range changes {
		c(&e.regCfg, &e.cfg)
	}
	return e.build()
}

func (e *env) build() *env {
	e.reg = registry.New(e.regCfg)
	e.cfg.Registry = e.reg
	e.Core = oci.New(e.cfg)
	return e
}

// replica is a second process on the same store and database.
func (e *env) replica() *env {
	r := *e
	r.db = &faultyDB{DB: e.again()}
	r.regCfg.DB, r.cfg.DB, r.cfg.OCI = r.db, r.db, r.db
	return r.build()
}

// on is the same environment for a subtest.
func (e *env) on(t testing.TB) *env {
	r := *e
	r.t = t
	return &r
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) pushBlob(repo string, body []byte) string {
	e.t.Helper()
	d := sha(body)
	e.must(e.PutBlob(e.t.Context(), repo, "alice", d, bytes.NewReader(body)))
	return d
}

func (e *env) push(repo, ref string, body []byte, tags ...string) *oci.PutResult {
	e.t.Helper()
	r, err := e.PutManifest(e.t.Context(), oci.Put{Repo: repo, Reference: ref, Tags: tags, Body: body, By: "alice"})
	e.must(err)
	return r
}

func (e *env) tryPush(repo, ref string, body []byte) error {
	_, err := e.PutManifest(e.t.Context(), oci.Put{Repo: repo, Reference: ref, Body: body, By: "alice"})
	return err
}

func (e *env) manifest(repo, ref string) *oci.Manifest {
	e.t.Helper()
	m, err := e.Manifest(e.t.Context(), repo, ref)
	if err != nil {
		e.t.Fatalf("manifest %s of %s: %v", ref, repo, err)
	}
	if isSHA256 := len(m.Digest) == 71; isSHA256 && sha(m.Bytes) != m.Digest {
		e.t.Fatalf("manifest %s of %s: bytes are %s, not %s", ref, repo, sha(m.Bytes), m.Digest)
	}
	return m
}

// blob reads a blob whole and holds it against its digest.
func (e *env) blob(repo, digest string) []byte {
	e.t.Helper()
	b, err := e.Blob(e.t.Context(), repo, digest)
	if err != nil {
		e.t.Fatalf("blob %s of %s: %v", digest, repo, err)
	}
	body := e.slice(b, 0, -1)
	if int64(len(body)) != b.Size || (sha(body) != digest && sha512hex(body) != digest) {
		e.t.Fatalf("blob %s: %d bytes of %d, %s", digest, len(body), b.Size, sha(body))
	}
	return body
}

func (e *env) slice(b *oci.Blob, offset, length int64) []byte {
	e.t.Helper()
	stream, err := b.Open(e.t.Context(), offset, length)
	e.must(err)
	body, err := io.ReadAll(stream)
	e.must(errors.Join(err, stream.Close()))
	return body
}

func (e *env) noBlob(repo, digest string) {
	e.t.Helper()
	_, err := e.Blob(e.t.Context(), repo, digest)
	wantKind(e.t, err, pack.KindNotFound, "blob_unknown")
}

func (e *env) noManifest(repo, ref string) {
	e.t.Helper()
	_, err := e.Manifest(e.t.Context(), repo, ref)
	wantKind(e.t, err, pack.KindNotFound, "")
}

// image pushes config and layers and gives a manifest that names them. more is JSON fields with a comma before.
func (e *env) image(repo, more string, layers ...string) []byte {
	e.t.Helper()
	config := []byte(`{"repo":"` + repo + `"}`)
	e.pushBlob(repo, config)
	for _, l := range layers {
		e.pushBlob(repo, []byte(l))
	}
	return imageOf(config, more, layers...)
}

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
)

func imageOf(config []byte, more string, layers ...string) []byte {
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[`,
		typeManifest, typeConfig, sha(config), len(config))
	for i, l := range layers {
		if i > 0 {
			m += ","
		}
		m += fmt.Sprintf(`{"mediaType":"application/octet-stream","digest":"%s","size":%d}`, sha([]byte(l)), len(l))
	}
	return []byte(m + "]" + more + "}")
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sha512hex(b []byte) string {
	sum := sha512.Sum512(b)
	return "sha512:" + hex.EncodeToString(sum[:])
}

// blobs lists what is in the store.
func (e *env) blobs() []string {
	e.t.Helper()
	var ds []string
	e.must(e.store.Walk(e.t.Context(), func(b storage.Info) error { ds = append(ds, string(b.Digest)); return nil }))
	slices.Sort(ds)
	return ds
}

// noSpools fails when a request left a file behind.
func (e *env) noSpools() {
	e.t.Helper()
	left, err := filepath.Glob(filepath.Join(e.cfg.SpoolDir, storage.SpoolPattern))
	if err != nil || len(left) > 0 {
		e.t.Fatalf("spool files left behind: %v %v", left, err)
	}
}

// clean sweeps and then demands that everything referred to is there and whole.
func (e *env) clean() *registry.VerifyReport {
	e.t.Helper()
	_, err := e.reg.Sweep(e.t.Context(), false)
	e.must(err)
	report, err := e.reg.Verify(e.t.Context())
	e.must(err)
	if !report.Clean() {
		e.t.Fatalf("verify: %+v", report)
	}
	return report
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

func dbUpload(id string, expires time.Time) db.OCIUpload {
	return db.OCIUpload{ID: id, Repo: "app", User: "alice", Expires: expires}
}
