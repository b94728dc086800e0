package registry_test

import (
	"bytes"
	"context"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/storage/storagetest"
)

// TestLostBlobIsMended: the same bytes uploaded again put back what the store has lost.
func TestLostBlobIsMended(t *testing.T) {
	both(t, func(t *testing.T, open func(t testing.TB, changes ...change) *env) {
		for name, data := range map[string][]byte{"zip": packtest.PackZip("lost", "1.0.0"), "tgz": packtest.PackTarGz("lost-tgz", "1.0.0")} {
			e := open(t)
			v := e.publish(upload(data), db.Created)
			if err := e.store.Delete(t.Context(), digest(data)); err != nil {
				t.Fatal(err)
			}
			e.publish(upload(data), db.Same)
			form := pack.FormatZip
			if name == "tgz" {
				form = pack.FormatTarGz
			}
			if !bytes.Equal(e.fetch(v, form), data) {
				t.Errorf("%s: other bytes", name)
			}
			e.clean()
		}
	})
}

// TestReusedBlobVanishes is a sweep without a lock: it takes a blob after a publish has
// seen it and before the publish is acknowledged. What is acknowledged is there.
func TestReusedBlobVanishes(t *testing.T) {
	both(t, func(t *testing.T, open func(t testing.TB, changes ...change) *env) {
		e := open(t)
		data := packtest.PackZip("shared", "1.0.0")
		e.publish(upload(data), db.Created)
		if err := e.DeleteVersion(t.Context(), ns, "shared", "1.0.0", "", "p"); err != nil {
			t.Fatal(err)
		}
		taken := false
		e.store.After(storagetest.OpStat, func(ctx context.Context, d pack.Digest) error {
			if d != digest(data) || taken {
				return nil
			}
			taken = true
			return e.store.Delete(ctx, d)
		})
		v := e.publish(upload(data), db.Created)
		if !taken {
			t.Fatal("the publish did not look for the blob")
		}
		if !bytes.Equal(e.fetch(v, pack.FormatZip), data) {
			t.Error("other bytes")
		}
		e.clean()
	})
}
