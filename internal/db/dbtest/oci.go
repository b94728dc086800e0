package dbtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func ociTests() []test {
	return []test{
		{"the right to a blob is its repository's", ociBlobRight},
		{"a new reference needs a lease or another row", ociBlobLease},
		{"a blob in use", ociBlobInUse},
		{"old blobs without manifest are pruned", ociBlobPrune},
		{"a manifest by digest and by tag", ociManifest},
		{"a manifest names only what is there", ociManifestRefers},
		{"deleting tags and manifests", ociManifestDelete},
		{"tags are listed in pages", ociTags},
		{"repositories with tags are listed in pages", ociRepositories},
		{"referrers", ociReferrers},
		{"a repository goes whole", ociRepositoryDelete},
		{"names that cannot be stored", ociUnstorable},
		{"like a model of it", ociModelled},
	}
}

// link is a blob with the bytes of a text, by its SHA-256.
func link(text string) db.OCILink {
	d := digestOf(text)
	return db.OCILink{Digest: string(d), Blob: d, Size: int64(len(text))}
}

// manifest is one whose bytes are the text, naming links or manifests.
func manifest(text string, refers ...string) db.OCIManifest {
	l := link(text)
	return db.OCIManifest{
		Digest: l.Digest, Blob: l.Blob, Size: l.Size, MediaType: "application/vnd.oci.image.manifest.v1+json",
		ArtifactType: "application/vnd.test", Annotations: map[string]string{"text": text}, Refers: refers,
	}
}

// leased runs a write under a lease of the blobs, which it gives back.
func leased(ctx context.Context, d db.DB, blobs []pack.Digest, write func(db.LeaseID) error) error {
	lease, err := d.Lease(ctx, blobs, ttl)
	if err != nil {
		return err
	}
	return errors.Join(write(lease), d.Release(ctx, lease))
}

// tryPutBlob puts the bytes of a text into a repository.
func tryPutBlob(ctx context.Context, d db.DB, repo, text string) error {
	l := link(text)
	return leased(ctx, d, []pack.Digest{l.Blob}, func(id db.LeaseID) error { return d.PutOCIBlob(ctx, repo, l, id) })
}

// tryPutManifest puts a manifest into a repository.
func tryPutManifest(ctx context.Context, d db.DB, repo string, m db.OCIManifest, tags ...string) error {
	return leased(ctx, d, []pack.Digest{m.Blob}, func(id db.LeaseID) error { return d.PutOCIManifest(ctx, repo, m, tags, id) })
}

// putImage puts a manifest with a layer of its own.
func putImage(t testing.TB, d db.DB, repo, text string, tags ...string) db.OCIManifest {
	t.Helper()
	ok(t, tryPutBlob(t.Context(), d, repo, "layer of "+text))
	m := manifest("manifest "+text, link("layer of "+text).Digest)
	ok(t, tryPutManifest(t.Context(), d, repo, m, tags...))
	return m
}

// read is a manifest as it is found.
func read(m db.OCIManifest) *db.OCIManifest {
	m.Refers, m.Blobs = nil, nil
	return &m
}

func referenced(t testing.TB, d db.DB, blob pack.Digest) bool {
	t.Helper()
	return must(d.Referenced(t.Context(), blob))(t)
}

func ociBlobRight(t *testing.T, env Env) {
	ctx := t.Context()
	ok(t, tryPutBlob(ctx, env.DB, "a/one", "x"))
	ok(t, tryPutBlob(ctx, env.DB, "a/one", "x"))
	l := link("x")
	same(t, "link", &l, must(env.DB.OCIBlob(ctx, "a/one", l.Digest))(t))
	for _, repo := range []string{"a/two", "a", "A/one"} {
		_, err := env.DB.OCIBlob(ctx, repo, l.Digest)
		wantKind(t, err, pack.KindNotFound, "blob_unknown")
	}
	// By another name it is another right to the same bytes.
	long := db.OCILink{Digest: "sha512:" + hexOf("x") + hexOf("y"), Blob: l.Blob, Size: l.Size}
	_, err := env.DB.OCIBlob(ctx, "a/one", long.Digest)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	ok(t, env.DB.PutOCIBlob(ctx, "a/one", long, ""))
	same(t, "link", &long, must(env.DB.OCIBlob(ctx, "a/one", long.Digest))(t))

	ok(t, env.DB.PutOCIBlob(ctx, "a/two", l, "")) // a mount
	ok(t, env.DB.DeleteOCIBlob(ctx, "a/one", l.Digest))
	wantKind(t, env.DB.DeleteOCIBlob(ctx, "a/one", l.Digest), pack.KindNotFound, "blob_unknown")
	wantKind(t, env.DB.DeleteOCIBlob(ctx, "a/none", l.Digest), pack.KindNotFound, "blob_unknown")
	_, err = env.DB.OCIBlob(ctx, "a/one", l.Digest)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	ok(t, env.DB.DeleteOCIBlob(ctx, "a/one", long.Digest))
	same(t, "swept while mounted", false, sweep(t, env.DB, l.Blob))
	ok(t, env.DB.DeleteOCIBlob(ctx, "a/two", l.Digest))
	same(t, "swept", true, sweep(t, env.DB, l.Blob))
}

func ociBlobLease(t *testing.T, env Env) {
	ctx := t.Context()
	l, m := link("x"), manifest("m")
	foreign := must(env.DB.Lease(ctx, []pack.Digest{l.Blob, m.Blob}, ttl))(t)
	late := must(env.DB.Lease(ctx, []pack.Digest{l.Blob, m.Blob}, -time.Minute))(t)
	other := must(env.DB.Lease(ctx, []pack.Digest{digestOf("other")}, ttl))(t)
	for _, lease := range []db.LeaseID{"", "never given", late, other, "bad\x00\xff"} {
		wantKind(t, env.DB.PutOCIBlob(ctx, "r", l, lease), pack.KindUnavailable, "lease_expired")
		wantKind(t, env.DB.PutOCIManifest(ctx, "r", m, []string{"t"}, lease), pack.KindUnavailable, "lease_expired")
	}
	_, err := env.DB.OCITags(ctx, "r", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	ok(t, env.DB.PutOCIBlob(ctx, "r", l, foreign))
	ok(t, env.DB.PutOCIManifest(ctx, "r", m, []string{"t"}, foreign))
	ok(t, env.DB.Release(ctx, foreign))
	same(t, "swept", false, sweep(t, env.DB, l.Blob) || sweep(t, env.DB, m.Blob))
	// What a row refers to needs no lease.
	ok(t, env.DB.PutOCIBlob(ctx, "r", l, "never given"))
	ok(t, env.DB.PutOCIManifest(ctx, "r2", m, nil, ""))
	v := push(t, env.DB, "default", "p", "1.0.0")
	ok(t, env.DB.PutOCIBlob(ctx, "r", db.OCILink{Digest: string(v.Digest), Blob: v.Digest, Size: v.Size}, ""))
	wantKind(t, env.DB.PutOCIBlob(ctx, "r", db.OCILink{Digest: l.Digest, Blob: "sha256:xyz"}, ""), pack.KindInvalid, "")
}

func ociBlobInUse(t *testing.T, env Env) {
	ctx := t.Context()
	m := putImage(t, env.DB, "r", "one", "latest")
	layer := link("layer of one")
	wantKind(t, env.DB.DeleteOCIBlob(ctx, "r", layer.Digest), pack.KindConflict, "blob_in_use")
	must(env.DB.OCIBlob(ctx, "r", layer.Digest))(t)
	ok(t, env.DB.PutOCIBlob(ctx, "r2", layer, ""))
	ok(t, env.DB.DeleteOCIBlob(ctx, "r2", layer.Digest)) // the manifest is of another repository
	ok(t, env.DB.DeleteOCIManifest(ctx, "r", m.Digest))
	same(t, "the layer stays until it is deleted or pruned", true, referenced(t, env.DB, layer.Blob))
	same(t, "the manifest does not", false, referenced(t, env.DB, m.Blob))
	ok(t, env.DB.DeleteOCIBlob(ctx, "r", layer.Digest))
	same(t, "swept", true, sweep(t, env.DB, layer.Blob) && sweep(t, env.DB, m.Blob))
}

func ociBlobPrune(t *testing.T, env Env) {
	ctx := t.Context()
	putImage(t, env.DB, "kept", "one", "latest")
	ok(t, tryPutBlob(ctx, env.DB, "kept", "loose"))
	ok(t, tryPutBlob(ctx, env.DB, "emptied", "loose"))
	untagged := putImage(t, env.DB, "untagged", "two")
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	same(t, "pruned", 0, must(env.DB.PruneOCIBlobs(ctx, past))(t))
	same(t, "pruned", 2, must(env.DB.PruneOCIBlobs(ctx, future))(t))
	must(env.DB.OCIBlob(ctx, "kept", link("layer of one").Digest))(t)
	_, err := env.DB.OCIBlob(ctx, "kept", link("loose").Digest)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	same(t, "swept", true, sweep(t, env.DB, link("loose").Blob))
	_, err = env.DB.OCITags(ctx, "emptied", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	ok(t, env.DB.DeleteOCIManifest(ctx, "untagged", untagged.Digest))
	same(t, "tags", 0, len(must(env.DB.OCITags(ctx, "untagged", 0, ""))(t)))
	same(t, "pruned", 1, must(env.DB.PruneOCIBlobs(ctx, future))(t))
	same(t, "pruned", 0, must(env.DB.PruneOCIBlobs(ctx, future))(t))
	_, err = env.DB.OCITags(ctx, "untagged", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	// Putting a blob again makes it young again.
	ok(t, tryPutBlob(ctx, env.DB, "kept", "again"))
	mark := time.Now()
	time.Sleep(2 * time.Millisecond)
	ok(t, env.DB.PutOCIBlob(ctx, "kept", link("again"), ""))
	same(t, "pruned", 0, must(env.DB.PruneOCIBlobs(ctx, mark))(t))
}

func ociRepositoryDelete(t *testing.T, env Env) {
	ctx := t.Context()
	m := putImage(t, env.DB, "r", "one", "a", "b")
	putImage(t, env.DB, "r2", "one", "a")
	u := upload(t, env.DB, "u", "r", "part")
	wantKind(t, env.DB.DeleteOCIRepository(ctx, "r/none"), pack.KindNotFound, "name_unknown")
	ok(t, env.DB.DeleteOCIRepository(ctx, "r"))
	wantKind(t, env.DB.DeleteOCIRepository(ctx, "r"), pack.KindNotFound, "name_unknown")
	_, err := env.DB.OCIManifest(ctx, "r", m.Digest)
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	_, err = env.DB.OCIBlob(ctx, "r", link("layer of one").Digest)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	_, err = env.DB.OCIUpload(ctx, u.ID)
	wantKind(t, err, pack.KindNotFound, "upload_unknown")
	same(t, "repositories", []string{"r2"}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	same(t, "held by the other", true, referenced(t, env.DB, m.Blob))
	ok(t, env.DB.DeleteOCIRepository(ctx, "r2"))
	for _, text := range []string{"manifest one", "layer of one", "part"} {
		same(t, "swept: "+text, true, sweep(t, env.DB, digestOf(text)))
	}
	putImage(t, env.DB, "r", "one", "a")
	same(t, "tags", []string{"a"}, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
}

func ociUnstorable(t *testing.T, env Env) {
	ctx := t.Context()
	const bad = "bad\x00\xff"
	putImage(t, env.DB, "r", "one", "a")
	_, err := env.DB.OCIBlob(ctx, bad, bad)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	_, err = env.DB.OCIManifest(ctx, "r", bad)
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	_, err = env.DB.OCITags(ctx, bad, 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	_, err = env.DB.OCITags(ctx, "r", 0, bad)
	wantKind(t, err, pack.KindInvalid, "")
	_, err = env.DB.OCIRepositories(ctx, 0, bad)
	wantKind(t, err, pack.KindInvalid, "")
	_, err = env.DB.OCIUpload(ctx, bad)
	wantKind(t, err, pack.KindNotFound, "upload_unknown")
	same(t, "referrers", 0, len(must(env.DB.OCIReferrers(ctx, "r", bad, "", "", 0))(t)))
	m := manifest("m")
	wantKind(t, tryPutManifest(ctx, env.DB, bad, m), pack.KindInvalid, "")
	wantKind(t, tryPutManifest(ctx, env.DB, "r", m, bad), pack.KindInvalid, "")
	m.Annotations = map[string]string{"k": "nul\x00"} // JSON escapes it
	ok(t, tryPutManifest(ctx, env.DB, "r", m))
	same(t, "annotations", m.Annotations, must(env.DB.OCIManifest(ctx, "r", m.Digest))(t).Annotations)
	m.MediaType = bad
	wantKind(t, tryPutManifest(ctx, env.DB, "r", m), pack.KindInvalid, "")
	wantKind(t, env.DB.DeleteOCITag(ctx, "r", bad), pack.KindNotFound, "")
	wantKind(t, env.DB.DeleteOCIRepository(ctx, bad), pack.KindNotFound, "")
	ok(t, env.DB.DeleteOCIUpload(ctx, bad))
	if !slices.Equal([]string{"a"}, must(env.DB.OCITags(ctx, "r", 0, ""))(t)) {
		t.Error("something was written")
	}
}
