package oci_test

import (
	"fmt"
	"slices"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// TestOrdinaryContentBesideAPack: signatures and other tags are kept, and are no versions.
func TestOrdinaryContentBesideAPack(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		e.rest(packtest.PackZip("web", "1.0.0"), db.Created, false)
		made, layer := e.pulls(web, "1.0.0")
		// The empty config and the layer are the pack's: they need not be pushed.
		before := e.changes()
		e.push(web, "latest", made)
		e.push(web, sha(made), made)
		e.pushBlob(web, []byte("signature"))
		sig := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","artifactType":"application/vnd.sig","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},`+
			`"layers":[{"mediaType":"a/b","digest":"%s","size":9}],"subject":{"mediaType":"%s","digest":"%s","size":%d}}`,
			typeManifest, sha([]byte("{}")), sha([]byte("signature")), typeManifest, sha(made), len(made))
		if r := e.push(web, sha(sig), sig); r.Subject != sha(made) {
			t.Errorf("%+v", r)
		}
		if e.changes() != before {
			t.Error("ordinary content is in the feed")
		}
		refs, _, err := e.Referrers(ctx, webInFul, sha(made), "", "")
		if err != nil || len(refs) != 1 || refs[0].Digest != sha(sig) {
			t.Errorf("%+v %v", refs, err)
		}
		tags, _, err := e.Tags(ctx, web, 0, "")
		if err != nil || !slices.Equal(tags, []string{"1.0.0"}) {
			t.Errorf("tags %v %v", tags, err)
		}
		names, _, err := e.Repositories(ctx, 0, "")
		if err != nil || !slices.Equal(names, []string{webInFul}) {
			t.Errorf("repositories %v %v", names, err)
		}
		wantKind(t, e.DeleteBlob(ctx, web, sha(layer), "alice"), pack.KindConflict, "blob_in_use")
		// A layer made on demand can be mounted.
		if ok, err := e.Mount(ctx, "mirror/app", web, sha(layer), "alice"); !ok || err != nil {
			t.Errorf("mount %v %v", ok, err)
		}
		e.blob("mirror/app", sha(layer))
		// Deleting the version ends its digest, wherever it was pushed to, and not the rest.
		e.must(e.DeleteManifest(ctx, web, "1.0.0", "alice"))
		e.noManifest(web, sha(made))
		e.noBlob(web, sha(layer))
		e.manifest(web, sha(sig))
		e.blob(web, sha([]byte("{}")))
		if tags, _, err := e.Tags(ctx, web, 0, ""); err != nil || tags == nil || len(tags) != 0 {
			t.Errorf("tags %v %v", tags, err)
		}
		if names, _, err = e.Repositories(ctx, 0, ""); err != nil || len(names) != 0 {
			t.Errorf("repositories %v %v", names, err)
		}
		e.must(e.DeleteRepository(ctx, web, "alice"))
		e.noManifest(web, sha(sig))

		// So does deleting it over REST.
		e.rest(packtest.PackZip("web", "3.0.0"), db.Created, false)
		made, _ = e.pulls(web, "3.0.0")
		e.push(web, "stable", made)
		e.must(e.reg.DeleteVersion(ctx, "default", "web", "3.0.0", "", "bob"))
		e.noManifest(web, sha(made))
		e.noManifest(web, "stable")

		// Overwritten manifests of the version end too.
		e.rest(packtest.PackZip("web", "4.0.0"), db.Created, false)
		old, _ := e.pulls(web, "4.0.0")
		e.push(web, "stable", old)
		e.rest(packtest.PackZip("web", "4.0.0", packtest.File("more.md", "more")), db.Replaced, true)
		e.manifest(web, sha(old))
		e.must(e.DeleteManifest(ctx, web, "4.0.0", "alice"))
		e.noManifest(web, sha(old))
		e.noManifest(web, "stable")

		// Deleting the pack over REST deletes the repository.
		e.rest(packtest.PackZip("web", "2.0.0"), db.Created, false)
		e.pushBlob(web, []byte("signature"))
		e.push(web, "sig", sig)
		e.must(e.reg.DeletePack(ctx, "default", "web", "bob"))
		for _, d := range []string{sha([]byte("{}")), sha([]byte("signature"))} {
			e.noBlob(web, d)
		}
		e.noManifest(web, "sig")
		wantKind(t, e.reg.DeletePack(ctx, "default", "web", "bob"), pack.KindNotFound, "pack_not_found")
		e.clean()
	})
}
