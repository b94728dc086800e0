package registry_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

// TestOCIContentIsKeptAndVerified: blobs and manifests of repositories, manifests of packs with what they name and the parts
// of sessions are no orphans, and missing when the store has lost them.
func TestOCIContentIsKeptAndVerified(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
		held := map[string]pack.Digest{}
		for _, what := range []string{"blob", "manifest", "manifest of a pack", "its config", "part"} {
			held[what] = e.orphan(what)
		}
		link := func(what string) db.OCILink {
			return db.OCILink{Digest: string(held[what]), Blob: held[what], Size: int64(len(what))}
		}
		manifest := func(what string) db.OCIManifest {
			return db.OCIManifest{Digest: string(held[what]), Blob: held[what], Size: int64(len(what)), MediaType: "application/vnd.oci.image.manifest.v1+json"}
		}
		all := slices.Sorted(maps.Values(held))
		lease, err := e.db.Lease(ctx, all, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		ofPack := manifest("manifest of a pack")
		ofPack.Blobs = []db.OCILink{link("its config")}
		session := db.OCIUpload{
			ID: "u", Repo: "r", User: "alice", Offset: 4, Lease: lease, Parts: []db.OCILink{link("part")}, Expires: time.Now().Add(time.Hour),
		}
		for _, err := range []error{
			e.db.PutOCIBlob(ctx, "r", link("blob"), lease),
			e.db.PutOCIManifest(ctx, "r", manifest("manifest"), []string{"t"}, lease),
			e.db.SetPackManifest(ctx, v.RevisionID, ofPack, lease),
			e.db.PutOCIUpload(ctx, session, -1),
			e.db.Release(ctx, lease),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		report := e.clean() // sweeps
		if report.Blobs != len(all)+1 || len(report.Orphaned) != 0 {
			t.Errorf("%+v", report)
		}
		for _, d := range all {
			if err := e.store.Delete(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		report, err = e.Verify(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := &registry.VerifyReport{Blobs: 1, Bytes: v.Size, Corrupt: []pack.Digest{}, Missing: all, Orphaned: []pack.Digest{}}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("report:\n%s", diff)
		}
	})
}
