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

func ociPackTests() []test {
	return []test{
		{"a version's manifest moves, the older stays", packManifestMoves},
		{"the first of many stands", packManifestFirst},
		{"an overwritten revision's manifest is found by digest", packManifestOverwritten},
		{"a deleted version's is not", packManifestDeleted},
		{"one is deleted by digest", packManifestDelete},
		{"published with the version", packManifestPublished},
		{"a publish needs the lease for it", packManifestLease},
	}
}

// packManifest is a manifest of a pack whose config and layer are stored.
func packManifest(text string) db.OCIManifest {
	m := manifest("pack manifest " + text)
	m.Blobs = []db.OCILink{link("config of " + text), {Digest: "sha512:" + hexOf(text) + hexOf(text), Blob: digestOf("layer of " + text), Size: 7}}
	return m
}

// keeps are the blobs a manifest of a pack keeps.
func keeps(m db.OCIManifest) []pack.Digest {
	out := []pack.Digest{m.Blob}
	for _, l := range m.Blobs {
		out = append(out, l.Blob)
	}
	return out
}

func setPackManifest(ctx context.Context, d db.DB, revisionID int64, m db.OCIManifest) error {
	return leased(ctx, d, keeps(m), func(id db.LeaseID) error { return d.SetPackManifest(ctx, revisionID, m, id) })
}

// wantManifest checks what a reference finds.
func wantManifest(t testing.TB, d db.DB, name, ref string, m db.OCIManifest, v *pack.Version, current bool) {
	t.Helper()
	got := must(d.PackManifest(t.Context(), "default", name, ref))(t)
	same(t, ref, &db.PackManifest{OCIManifest: *read(m), Version: v.Version, RevisionID: v.RevisionID, Current: current}, got)
	for _, l := range m.Blobs {
		same(t, "blob", &l, must(d.PackBlob(t.Context(), "default", name, l.Digest))(t))
	}
	for _, blob := range keeps(m) {
		same(t, "swept", false, sweep(t, d, blob))
	}
}

// wantGone checks that a manifest is no more, and nothing of it is kept.
func wantGone(t testing.TB, d db.DB, name string, m db.OCIManifest) {
	t.Helper()
	_, err := d.PackManifest(t.Context(), "default", name, m.Digest)
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	for _, l := range m.Blobs {
		_, err := d.PackBlob(t.Context(), "default", name, l.Digest)
		wantKind(t, err, pack.KindNotFound, "blob_unknown")
	}
	for _, blob := range keeps(m) {
		same(t, "swept", true, sweep(t, d, blob))
	}
}

// wantManifests looks at all manifests of a version of default/p.
func wantManifests(t testing.TB, d db.DB, version string, want ...db.OCIManifest) {
	t.Helper()
	digests := []string{}
	for _, m := range want {
		digests = append(digests, m.Digest)
	}
	slices.Sort(digests)
	got := must(d.VersionManifests(t.Context(), "default", "p", version))(t)
	same(t, "manifests of "+version, digests, append([]string{}, got...))
}

func packManifestMoves(t *testing.T, env Env) {
	ctx := t.Context()
	v, other := push(t, env.DB, "default", "p", "1.0.0"), push(t, env.DB, "default", "p", "1.0.1")
	push(t, env.DB, "default", "q", "1.0.0")
	for _, ref := range []string{"1.0.0", "1.0.x", "latest", "9", digestStr("x"), "bad\x00"} {
		_, err := env.DB.PackManifest(ctx, "default", "p", ref)
		wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	}
	head := must(env.DB.Head(ctx))(t)
	one, two := packManifest("one"), packManifest("two")
	ok(t, setPackManifest(ctx, env.DB, v.RevisionID, one))
	wantManifest(t, env.DB, "p", "1.0.0", one, v, true)
	wantManifest(t, env.DB, "p", one.Digest, one, v, true)
	ok(t, setPackManifest(ctx, env.DB, v.RevisionID, two))
	ok(t, setPackManifest(ctx, env.DB, v.RevisionID, two))
	wantManifest(t, env.DB, "p", "1.0.0", two, v, true)
	wantManifest(t, env.DB, "p", two.Digest, two, v, true)
	wantManifest(t, env.DB, "p", one.Digest, one, v, false)
	ok(t, env.DB.SetPackManifest(ctx, v.RevisionID, one, "")) // and back
	wantManifest(t, env.DB, "p", "1.0.0", one, v, true)
	wantManifest(t, env.DB, "p", two.Digest, two, v, false)
	for _, ref := range []string{one.Digest, "1.0.0"} {
		_, err := env.DB.PackManifest(ctx, "default", "q", ref)
		wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	}
	_, err := env.DB.PackBlob(ctx, "default", "q", one.Blobs[0].Digest)
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
	_, err = env.DB.PackManifest(ctx, "default", "p", other.Version)
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	same(t, "the feed does not tell of it", head, must(env.DB.Head(ctx))(t))
	wantKind(t, setPackManifest(ctx, env.DB, 1<<40, one), pack.KindNotFound, "version_not_found")
	wantKind(t, env.DB.SetPackManifest(ctx, v.RevisionID, packManifest("three"), ""), pack.KindUnavailable, "lease_expired")
	wantManifest(t, env.DB, "p", "1.0.0", one, v, true)
}

func packManifestFirst(t *testing.T, env Env) {
	ctx := t.Context()
	v := push(t, env.DB, "default", "p", "1.0.0")
	const writers = 16
	got, errs := make([]*db.PackManifest, writers), make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		m := packManifest(string(rune('a' + i)))
		errs[i] = leased(ctx, d, keeps(m), func(id db.LeaseID) (err error) {
			got[i], err = d.FirstPackManifest(ctx, v.RevisionID, m, id)
			return err
		})
	})
	stands := must(env.DB.PackManifest(ctx, "default", "p", "1.0.0"))(t)
	for i := range writers {
		ok(t, errs[i])
		same(t, "what stands", stands, got[i])
		m := packManifest(string(rune('a' + i)))
		if m.Digest != stands.Digest {
			wantGone(t, env.DB, "p", m)
		}
	}
	_, err := env.DB.FirstPackManifest(ctx, 1<<40, packManifest("x"), "")
	wantKind(t, err, pack.KindNotFound, "version_not_found")
	fresh := push(t, env.DB, "default", "p", "2.0.0")
	_, err = env.DB.FirstPackManifest(ctx, fresh.RevisionID, packManifest("x"), "")
	wantKind(t, err, pack.KindUnavailable, "lease_expired")
}

func packManifestOverwritten(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "p", "one", "two")
	one, two := packManifest("one"), packManifest("two")
	ok(t, setPackManifest(ctx, env.DB, vs[0].RevisionID, one))
	_, err := env.DB.PackManifest(ctx, "default", "p", "1.0.0")
	wantKind(t, err, pack.KindNotFound, "manifest_unknown") // the current revision has none
	ok(t, setPackManifest(ctx, env.DB, vs[1].RevisionID, two))
	wantManifest(t, env.DB, "p", "1.0.0", two, vs[1], true)
	wantManifest(t, env.DB, "p", one.Digest, one, vs[0], false)
	wantManifests(t, env.DB, "1.0.0", one, two)

	// Back to the first content: the manifest is of both revisions, the newest is found.
	back := publication("default", "p", "1.0.0", "one")
	back.Force, back.Version.TarGzStored = true, true
	v := publish(t, env.DB, back, db.Replaced)
	ok(t, env.DB.SetPackManifest(ctx, v.RevisionID, one, ""))
	wantManifest(t, env.DB, "p", one.Digest, one, v, true)
	wantManifest(t, env.DB, "p", two.Digest, two, vs[1], false)
	wantManifests(t, env.DB, "1.0.0", one, two)
	same(t, "pruned", 2, must(env.DB.PruneRevisions(ctx, time.Now().Add(1000*time.Hour)))(t))
	wantManifest(t, env.DB, "p", one.Digest, one, v, true)
	wantGone(t, env.DB, "p", two)
	wantManifests(t, env.DB, "1.0.0", one)
}

func packManifestDeleted(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "p", "one", "two")
	kept := push(t, env.DB, "default", "p", "2.0.0")
	for i, text := range []string{"one", "two"} {
		ok(t, setPackManifest(ctx, env.DB, vs[i].RevisionID, packManifest(text)))
	}
	ok(t, setPackManifest(ctx, env.DB, kept.RevisionID, packManifest("kept")))
	ok(t, setPackManifest(ctx, env.DB, vs[1].RevisionID, packManifest("moved")))
	wantManifests(t, env.DB, "1.0.0", packManifest("one"), packManifest("two"), packManifest("moved"))
	wantManifests(t, env.DB, "2.0.0", packManifest("kept"))
	for _, none := range []string{"1.0.x", "3.0.0", "bad\x00"} {
		wantManifests(t, env.DB, none)
	}
	ok(t, env.DB.DeleteVersion(ctx, "default", "p", "1.0.0", "", "bob"))
	wantManifests(t, env.DB, "1.0.0")
	wantGone(t, env.DB, "p", packManifest("one"))
	wantGone(t, env.DB, "p", packManifest("two"))
	wantManifest(t, env.DB, "p", "2.0.0", packManifest("kept"), kept, true)
	wantKind(t, setPackManifest(ctx, env.DB, vs[1].RevisionID, packManifest("late")), pack.KindNotFound, "version_not_found")
	ok(t, env.DB.DeletePack(ctx, "default", "p", "bob"))
	wantGone(t, env.DB, "p", packManifest("kept"))
}

func packManifestDelete(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "p", "one", "two")
	overwritten, older, current := packManifest("one"), packManifest("older"), packManifest("two")
	ok(t, setPackManifest(ctx, env.DB, vs[0].RevisionID, overwritten))
	ok(t, setPackManifest(ctx, env.DB, vs[1].RevisionID, older))
	ok(t, setPackManifest(ctx, env.DB, vs[1].RevisionID, current))
	wantKind(t, env.DB.DeletePackManifest(ctx, "default", "p", current.Digest), pack.KindConflict, "manifest_in_use")
	for _, m := range []db.OCIManifest{overwritten, older} {
		ok(t, env.DB.DeletePackManifest(ctx, "default", "p", m.Digest))
		wantKind(t, env.DB.DeletePackManifest(ctx, "default", "p", m.Digest), pack.KindNotFound, "manifest_unknown")
		wantGone(t, env.DB, "p", m)
	}
	wantKind(t, env.DB.DeletePackManifest(ctx, "default", "none", current.Digest), pack.KindNotFound, "manifest_unknown")
	wantManifest(t, env.DB, "p", "1.0.0", current, vs[1], true)
	same(t, "the revision is kept", 1, resolve(t, env.DB, "p", pack.Reference{Digest: vs[0].Digest}).Revision)
}

// publishWith publishes with a manifest, both under one lease.
func publishWith(ctx context.Context, d db.DB, p db.Publication, m db.OCIManifest) (*pack.Version, db.Outcome, error) {
	lease, err := d.Lease(ctx, append(digests(p), keeps(m)...), ttl)
	if err != nil {
		return nil, "", err
	}
	p.Lease, p.Manifest = lease, &m
	v, outcome, err := d.Publish(ctx, p)
	if err != nil {
		return nil, "", errors.Join(err, d.Release(ctx, lease))
	}
	return v, outcome, nil
}

func packManifestPublished(t *testing.T, env Env) {
	ctx := t.Context()
	one, two := packManifest("one"), packManifest("two")
	p := publication("default", "p", "1.0.0", "content")
	p.Version.TarGzStored = true
	one.Blobs[1].Blob = p.Version.TarGzDigest // as a push has it
	v, outcome, err := publishWith(ctx, env.DB, p, one)
	ok(t, err)
	same(t, "outcome", db.Created, outcome)
	wantManifest(t, env.DB, "p", "1.0.0", one, v, true)

	head := must(env.DB.Head(ctx))(t)
	_, outcome, err = publishWith(ctx, env.DB, p, two) // the same content in another archive
	ok(t, err)
	same(t, "outcome", db.Same, outcome)
	same(t, "no drift", head, must(env.DB.Head(ctx))(t))
	wantManifest(t, env.DB, "p", "1.0.0", two, v, true)
	wantManifest(t, env.DB, "p", one.Digest, one, v, false)

	other := publication("default", "p", "1.0.0", "other")
	_, _, err = publishWith(ctx, env.DB, other, packManifest("three"))
	wantKind(t, err, pack.KindConflict, "version_exists")
	_, err = env.DB.PackManifest(ctx, "default", "p", packManifest("three").Digest)
	wantKind(t, err, pack.KindNotFound, "manifest_unknown")
	other.Overwrite = true
	v2, outcome, err := publishWith(ctx, env.DB, other, packManifest("three"))
	ok(t, err)
	same(t, "outcome", db.Replaced, outcome)
	wantManifest(t, env.DB, "p", "1.0.0", packManifest("three"), v2, true)
	wantManifest(t, env.DB, "p", two.Digest, two, v, false)
}

func packManifestLease(t *testing.T, env Env) {
	ctx := t.Context()
	p, m := publication("default", "p", "1.0.0", "content"), packManifest("one")
	for _, blobs := range [][]pack.Digest{digests(p), keeps(m), append(digests(p), keeps(m)[:2]...)} {
		lease := must(env.DB.Lease(ctx, blobs, ttl))(t)
		p.Lease, p.Manifest = lease, &m
		_, _, err := env.DB.Publish(ctx, p)
		wantKind(t, err, pack.KindUnavailable, "lease_expired")
		ok(t, env.DB.Release(ctx, lease))
	}
	_, err := env.DB.Resolve(ctx, "default", "p", latest())
	wantKind(t, err, pack.KindNotFound, "")
	v, _, err := publishWith(ctx, env.DB, p, m)
	ok(t, err)
	wantManifest(t, env.DB, "p", "1.0.0", m, v, true)
	// Same content: the version needs no lease, another manifest does.
	p.Lease, p.Manifest = "", nil
	_, _, err = env.DB.Publish(ctx, p)
	ok(t, err)
	two := packManifest("two")
	p.Manifest = &two
	_, _, err = env.DB.Publish(ctx, p)
	wantKind(t, err, pack.KindUnavailable, "lease_expired")
	wantManifest(t, env.DB, "p", "1.0.0", m, v, true)
}
