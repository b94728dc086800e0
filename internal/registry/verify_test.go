package registry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
	"packregistry/internal/storage/cache"
	"packregistry/internal/storage/storagetest"
)

func TestVerifyFindsWhatDoesNotHold(t *testing.T) {
	e := embedded(t)
	lost := e.publish(upload(packtest.PackZip("lost", "1.0.0")), db.Created)
	bad := e.publish(upload(packtest.PackTarGz("bad", "1.0.0")), db.Created)
	e.publish(upload(packtest.PackZip("good", "1.0.0")), db.Created)
	orphan := e.orphan("nobody knows me")

	if err := e.store.Delete(t.Context(), lost.Digest); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(filepath.Dir(e.cfg.SpoolDir), storage.Key(bad.TarGzDigest)))

	got, err := e.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got.Bytes = 0
	want := &registry.VerifyReport{
		Blobs: 4, Corrupt: []pack.Digest{bad.TarGzDigest}, Missing: []pack.Digest{lost.Digest}, Orphaned: []pack.Digest{orphan},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report:\n%s", diff)
	}
	if got.Clean() {
		t.Error("called clean")
	}
}

// damage flips one byte of a file.
func damage(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is verified is what is stored, not a copy of it.
func TestVerifyLooksBehindCopies(t *testing.T) {
	e := embedded(t, func(c *registry.Config) {
		c.Store = cache.New(c.Store, cache.Options{Dir: c.SpoolDir, Size: 1 << 20, Now: c.Now, Log: c.Log})
	})
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	e.fetch(v, pack.FormatZip)
	e.fetch(v, pack.FormatZip)
	damage(t, filepath.Join(filepath.Dir(e.cfg.SpoolDir), storage.Key(v.Digest)))
	e.fetch(v, pack.FormatZip) // the copy is good
	report, err := e.Verify(t.Context())
	if err != nil || len(report.Corrupt) != 1 || report.Corrupt[0] != v.Digest {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestABlobUnderLeaseIsNoOrphan(t *testing.T) {
	e := embedded(t)
	d := e.orphan("being published")
	lease, err := e.db.Lease(t.Context(), []pack.Digest{d}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	report, err := e.Verify(t.Context())
	if err != nil || len(report.Orphaned) != 0 || report.Blobs != 1 {
		t.Errorf("%+v %v", report, err)
	}
	if r, err := e.Sweep(t.Context(), false); err != nil || len(r.Removed) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if err := e.db.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	e.clean()
	if len(e.blobs()) != 0 {
		t.Error("still there")
	}
}

func TestVerifyThatCannotReadIsAnError(t *testing.T) {
	e := embedded(t)
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	for _, op := range []storagetest.Op{storagetest.OpWalk, storagetest.OpOpen, storagetest.OpRead, storagetest.OpStat} {
		e.store.Fail(op, storagetest.Fault{})
		_, err := e.Verify(t.Context())
		wantKind(t, err, pack.KindUnavailable, "")
		e.store.Reset()
	}
}
