package dbtest

import (
	"slices"
	"strings"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func ociManifest(t *testing.T, env Env) {
	ctx := t.Context()
	head := birth(t, env.DB)
	m := putImage(t, env.DB, "r", "one", "v1", "latest", "v1")
	for _, ref := range []string{m.Digest, "v1", "latest"} {
		same(t, ref, read(m), must(env.DB.OCIManifest(ctx, "r", ref))(t))
	}
	for _, ref := range []string{"v2", "V1", digestStr("layer of one"), digestStr("other")} {
		_, err := env.DB.OCIManifest(ctx, "r", ref)
		wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	}
	_, err := env.DB.OCIManifest(ctx, "r2", m.Digest)
	wantKind(t, err, pack.KindNotFound, "name_unknown")

	// A tag moves; what it pointed to stays.
	two := putImage(t, env.DB, "r", "two", "latest")
	same(t, "latest", two.Digest, must(env.DB.OCIManifest(ctx, "r", "latest"))(t).Digest)
	same(t, "v1", m.Digest, must(env.DB.OCIManifest(ctx, "r", "v1"))(t).Digest)
	// The same bytes again: the newest media type counts, tags are only added.
	again := m
	again.MediaType, again.Annotations = "application/vnd.docker.distribution.manifest.v2+json", nil
	ok(t, tryPutManifest(ctx, env.DB, "r", again, "v2"))
	same(t, "again", read(again), must(env.DB.OCIManifest(ctx, "r", "v1"))(t))
	same(t, "tags", []string{"latest", "v1", "v2"}, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
	same(t, "the feed does not tell of it", head, must(env.DB.Head(ctx))(t))
	same(t, "swept", false, sweep(t, env.DB, m.Blob) || sweep(t, env.DB, two.Blob))
}

func digestStr(text string) string { return string(digestOf(text)) }

func ociManifestRefers(t *testing.T, env Env) {
	ctx := t.Context()
	m := manifest("m", digestStr("layer"), digestStr("config"))
	wantKind(t, tryPutManifest(ctx, env.DB, "r", m, "a"), pack.KindNotFound, "manifest_blob_unknown")
	ok(t, tryPutBlob(ctx, env.DB, "r", "layer"))
	ok(t, tryPutBlob(ctx, env.DB, "other", "config"))
	wantKind(t, tryPutManifest(ctx, env.DB, "r", m, "a"), pack.KindNotFound, "manifest_blob_unknown")
	_, err := env.DB.OCIManifest(ctx, "r", "a")
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	ok(t, tryPutBlob(ctx, env.DB, "r", "config"))
	ok(t, tryPutManifest(ctx, env.DB, "r", m, "a"))
	index := manifest("index", m.Digest, m.Digest)
	wantKind(t, tryPutManifest(ctx, env.DB, "other", index), pack.KindNotFound, "manifest_blob_unknown")
	ok(t, tryPutManifest(ctx, env.DB, "r", index, "i"))

	// The newest push says what is referred to.
	m.Refers = m.Refers[:1]
	ok(t, tryPutManifest(ctx, env.DB, "r", m))
	wantKind(t, env.DB.DeleteOCIBlob(ctx, "r", digestStr("layer")), pack.KindConflict, "blob_in_use")
	ok(t, env.DB.DeleteOCIBlob(ctx, "r", digestStr("config")))

	// An index may name what belongs to a pack, which the pack keeps.
	v := push(t, env.DB, "default", "p", "1.0.0")
	pm := manifest("of the pack")
	ok(t, setPackManifest(ctx, env.DB, v.RevisionID, pm))
	ok(t, tryPutManifest(ctx, env.DB, "default/spectro-packs/archive/p", manifest("index 2", pm.Digest, string(v.TarGzDigest)), "all"))

	// Many at once.
	var many []string
	for i := range 300 {
		text := "many " + string(rune('a'+i%26)) + string(rune('a'+i/26))
		ok(t, tryPutBlob(ctx, env.DB, "many", text))
		many = append(many, digestStr(text))
	}
	ok(t, tryPutManifest(ctx, env.DB, "many", manifest("many", many...), "a"))
	wantKind(t, tryPutManifest(ctx, env.DB, "many", manifest("more", append(many, digestStr("none"))...), "a"),
		pack.KindNotFound, "manifest_blob_unknown")
	same(t, "tag", digestStr("many"), must(env.DB.OCIManifest(ctx, "many", "a"))(t).Digest)
}

func ociManifestDelete(t *testing.T, env Env) {
	ctx := t.Context()
	one := putImage(t, env.DB, "r", "one", "a", "b")
	two := putImage(t, env.DB, "r", "two", "c")
	wantKind(t, env.DB.DeleteOCITag(ctx, "none", "a"), pack.KindNotFound, "name_unknown")
	wantKind(t, env.DB.DeleteOCITag(ctx, "r", "d"), pack.KindNotFound, "manifest_unknown")
	wantKind(t, env.DB.DeleteOCITag(ctx, "r", one.Digest), pack.KindNotFound, "manifest_unknown")
	wantKind(t, env.DB.DeleteOCIManifest(ctx, "r", "a"), pack.KindNotFound, "manifest_unknown")
	wantKind(t, env.DB.DeleteOCIManifest(ctx, "none", one.Digest), pack.KindNotFound, "name_unknown")
	ok(t, env.DB.DeleteOCITag(ctx, "r", "a"))
	wantKind(t, env.DB.DeleteOCITag(ctx, "r", "a"), pack.KindNotFound, "manifest_unknown")
	must(env.DB.OCIManifest(ctx, "r", one.Digest))(t)
	ok(t, env.DB.DeleteOCIManifest(ctx, "r", one.Digest))
	wantKind(t, env.DB.DeleteOCIManifest(ctx, "r", one.Digest), pack.KindNotFound, "manifest_unknown")
	_, err := env.DB.OCIManifest(ctx, "r", "b")
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	same(t, "tags", []string{"c"}, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
	same(t, "listed", []string{"r"}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	ok(t, env.DB.DeleteOCITag(ctx, "r", "c"))
	same(t, "listed", []string{}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	same(t, "tags", []string{}, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
	ok(t, env.DB.PutOCIManifest(ctx, "r", two, []string{"d"}, ""))
	same(t, "listed", []string{"r"}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	ok(t, env.DB.DeleteOCIManifest(ctx, "r", two.Digest))
	same(t, "listed", []string{}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	same(t, "swept", true, sweep(t, env.DB, two.Blob))
}

func ociTags(t *testing.T, env Env) {
	ctx := t.Context()
	want := []string{"1.0", "1.10", "1.2", "A", "Z", "_x", "a", "a-b", "a.b", "a_b", "b"} // in byte order
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	putImage(t, env.DB, "r", "one", shuffled...)
	putImage(t, env.DB, "r2", "one", "other")
	same(t, "all", want, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
	same(t, "all", want, must(env.DB.OCITags(ctx, "r", -1, ""))(t))
	same(t, "more than there are", want, must(env.DB.OCITags(ctx, "r", 1000, ""))(t))
	same(t, "after one that is not there", want[5:7], must(env.DB.OCITags(ctx, "r", 2, "Za"))(t))
	same(t, "after the last", []string{}, must(env.DB.OCITags(ctx, "r", 2, "b"))(t))
	same(t, "in pages", want, pages(t, 3, func(n int, last string) ([]string, error) { return env.DB.OCITags(ctx, "r", n, last) }))
	_, err := env.DB.OCITags(ctx, "none", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
}

// pages reads a list n at a time.
func pages(t *testing.T, n int, list func(n int, last string) ([]string, error)) []string {
	t.Helper()
	var all []string
	last := ""
	for {
		page := must(list(n, last))(t)
		all = append(all, page...)
		if len(page) > n {
			t.Fatalf("a page of %d has %d", n, len(page))
		}
		if len(page) < n {
			return all
		}
		last = page[n-1]
	}
}

func ociRepositories(t *testing.T, env Env) {
	ctx := t.Context()
	same(t, "none", []string{}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	want := []string{"a", "a-b/c", "a/b", "a/b/c", "a0", "b", "z"}
	for _, repo := range []string{"z", "a/b/c", "a0", "a-b/c", "b", "a", "a/b"} {
		putImage(t, env.DB, repo, "one", "t")
	}
	putImage(t, env.DB, "untagged", "one")
	ok(t, tryPutBlob(ctx, env.DB, "blobs/only", "x"))
	push(t, env.DB, "team/edge", "p", "1.0.0")
	push(t, env.DB, "team-a", "p", "1.0.0")
	push(t, env.DB, "default", "q", "1.0.0")
	push(t, env.DB, "default", "gone", "1.0.0")
	ok(t, env.DB.DeletePack(ctx, "default", "gone", "bob"))
	same(t, "all", want, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	same(t, "in pages", want, pages(t, 2, func(n int, last string) ([]string, error) { return env.DB.OCIRepositories(ctx, n, last) }))
	same(t, "packs", []db.PackName{{Namespace: "default", Name: "q"}, {Namespace: "team-a", Name: "p"}, {Namespace: "team/edge", Name: "p"}},
		must(env.DB.PackRepositories(ctx))(t))
}

func ociReferrers(t *testing.T, env Env) {
	ctx := t.Context()
	image := putImage(t, env.DB, "r", "one", "a")
	var all []db.OCIManifest
	for _, text := range []string{"sbom", "signature", "another signature"} {
		m := manifest(text)
		m.Subject, m.ArtifactType = image.Digest, "application/"+text[len(text)-4:]
		ok(t, tryPutManifest(ctx, env.DB, "r", m))
		all = append(all, *read(m))
	}
	early := manifest("early")
	early.Subject = digestStr("not there yet")
	ok(t, tryPutManifest(ctx, env.DB, "r", early, "e"))
	elsewhere := manifest("elsewhere")
	elsewhere.Subject = image.Digest
	ok(t, tryPutManifest(ctx, env.DB, "r2", elsewhere))
	slices.SortFunc(all, func(a, b db.OCIManifest) int { return strings.Compare(a.Digest, b.Digest) })
	same(t, "all", all, must(env.DB.OCIReferrers(ctx, "r", image.Digest, "", "", 0))(t))
	signatures := slices.DeleteFunc(slices.Clone(all), func(m db.OCIManifest) bool { return m.ArtifactType != "application/ture" })
	same(t, "number of signatures", 2, len(signatures))
	same(t, "signatures", signatures, must(env.DB.OCIReferrers(ctx, "r", image.Digest, "application/ture", "", 0))(t))
	same(t, "of another type", 0, len(must(env.DB.OCIReferrers(ctx, "r", image.Digest, "application/none", "", 0))(t)))
	same(t, "before the subject", []db.OCIManifest{*read(early)}, must(env.DB.OCIReferrers(ctx, "r", early.Subject, "", "", 0))(t))
	for _, q := range [][2]string{{"none", image.Digest}, {"r", digestStr("x")}, {"r", ""}} {
		list := must(env.DB.OCIReferrers(ctx, q[0], q[1], "", "", 0))(t)
		if list == nil || len(list) != 0 {
			t.Errorf("referrers of %q: %v", q, list)
		}
	}
	var paged []db.OCIManifest
	for last := ""; ; last = paged[len(paged)-1].Digest {
		page := must(env.DB.OCIReferrers(ctx, "r", image.Digest, "", last, 1))(t)
		if len(page) == 0 {
			break
		}
		same(t, "length of the smallest page", 1, len(page))
		paged = append(paged, page...)
	}
	same(t, "page by page", all, paged)
	ok(t, env.DB.DeleteOCIManifest(ctx, "r", all[0].Digest))
	same(t, "after a deletion", all[1:], must(env.DB.OCIReferrers(ctx, "r", image.Digest, "", "", 0))(t))
	ok(t, env.DB.DeleteOCIManifest(ctx, "r", image.Digest))
	same(t, "without the subject", all[1:], must(env.DB.OCIReferrers(ctx, "r", image.Digest, "", "", 0))(t))
}
