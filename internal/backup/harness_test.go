package backup_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/backup"
	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
	"packregistry/internal/storage/local"
	"packregistry/internal/storage/s3"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

// env is a registry on real back ends.
type env struct {
	*registry.Registry
	t     *testing.T
	db    db.DB
	store *storagetest.Faulty
	root  string // of the local store
}

// embedded is SQLite and a directory.
func embedded(t *testing.T) *env {
	t.Helper()
	root := t.TempDir()
	store, err := local.New(root, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d, err := sqlite.Open(t.Context(), filepath.Join(root, "registry.db"), sqlcat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newEnv(t, d, store, root)
}

// production is Postgres and S3.
func production(t *testing.T) *env {
	t.Helper()
	d, err := postgres.Open(t.Context(), testenv.Postgres(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, bucket := testenv.Bucket(t)
	store, err := s3.New(t.Context(), s3.Config{
		Bucket: bucket, Endpoint: endpoint.URL, Region: endpoint.Region, AccessKey: endpoint.AccessKey, SecretKey: endpoint.SecretKey,
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return newEnv(t, d, store, t.TempDir())
}

func newEnv(t *testing.T, d db.DB, store storage.Store, root string) *env {
	t.Helper()
	t.Cleanup(func() { d.Close() })
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	faulty := storagetest.NewFaulty(store)
	return &env{t: t, db: d, store: faulty, root: root, Registry: registry.New(registry.Config{
		Store: faulty, DB: d, Checker: checker, SpoolDir: t.TempDir(), ArchiveLimit: 256 << 20, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})}
}

// push publishes a pack and returns its digest.
func (e *env) push(name, version string, opts ...packtest.Option) pack.Digest {
	e.t.Helper()
	p, err := e.Publish(e.t.Context(), registry.Upload{Namespace: "default", Body: bytes.NewReader(packtest.PackZip(name, version, opts...)), By: "tester"})
	if err != nil {
		e.t.Fatal(err)
	}
	return p.Version.Digest
}

// drop deletes a pack and sweeps its blobs.
func (e *env) drop(name string) {
	e.t.Helper()
	if err := e.DeletePack(e.t.Context(), "default", name, "tester"); err != nil {
		e.t.Error(err)
	}
	if _, err := e.Sweep(context.WithoutCancel(e.t.Context()), false); err != nil {
		e.t.Error(err)
	}
}

func (e *env) registry() backup.Registry { return backup.Registry{Catalogue: e.db, Store: e.store} }

// clean checks that everything that is published is there and whole.
func (e *env) clean(blobs int) {
	e.t.Helper()
	v, err := e.Verify(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	if !v.Clean() || len(v.Orphaned) > 0 || v.Blobs != blobs {
		e.t.Errorf("verify: %+v, want %d blobs", v, blobs)
	}
}

// empty checks that a restore that failed has written nothing.
func (e *env) empty() {
	e.t.Helper()
	if err := e.db.Vacant(e.t.Context()); err != nil {
		e.t.Error(err)
	}
	err := e.store.Walk(e.t.Context(), func(b storage.Info) error {
		e.t.Errorf("the blob %s was written", b.Digest)
		return nil
	})
	if err != nil {
		e.t.Error(err)
	}
}

// folder is a folder of backups.
type folder struct {
	t    *testing.T
	root string
	keep int
}

func newFolder(t *testing.T) *folder {
	return &folder{t: t, root: filepath.Join(t.TempDir(), "backups")}
}

func (f *folder) try(r backup.Registry) (*backup.Report, error) {
	if err := backup.Prepare(f.root); err != nil {
		return nil, err
	}
	blobs, err := local.New(f.root, time.Now)
	if err != nil {
		return nil, err
	}
	return backup.Create(f.t.Context(), r, backup.Options{
		Root: f.root, Blobs: blobs, Spool: blobs.SpoolDir(), Keep: f.keep, Program: "test", Now: time.Now,
	})
}

func (f *folder) create(e *env) *backup.Report {
	f.t.Helper()
	r, err := f.try(e.registry())
	if err != nil {
		f.t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(f.root, "tmp")); err != nil || len(left) > 0 {
		f.t.Errorf("left in tmp: %v %v", left, err)
	}
	return r
}

func (f *folder) restore(e *env, o backup.RestoreOptions) (*backup.RestoreReport, error) {
	o.Root = f.root
	return backup.Restore(f.t.Context(), e.registry(), o)
}

func (f *folder) blob(d pack.Digest) string {
	return filepath.Join(f.root, filepath.FromSlash(storage.Key(d)))
}

func (f *folder) has(d pack.Digest) bool {
	_, err := os.Stat(f.blob(d))
	return err == nil
}

// change changes a file that is read-only, and gives what undoes it.
func change(t *testing.T, path string, how func([]byte) []byte) (undo func()) {
	t.Helper()
	write := func(b []byte) {
		t.Helper()
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(how(bytes.Clone(b)))
	return func() { write(b) }
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

func cutOff(b []byte) []byte { return b[:len(b)/2] }

func remove([]byte) []byte { return nil }

// readAll reads a blob of a store.
func readAll(t *testing.T, s storage.Store, d pack.Digest) error {
	t.Helper()
	rc, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}
