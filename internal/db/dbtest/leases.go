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

func leaseTests() []test {
	return []test{
		{"a lease keeps its blobs", leaseKeeps},
		{"an expired one does not", leaseExpires},
		{"a lease is extended", leaseExtended},
		{"what it lost it does not get back", leaseExtendedLate},
		{"references", leaseReferences},
		{"references of OCI content", leaseReferencesOCI},
		{"a blob is locked while it is swept", leaseWaits},
		{"a lease that is renewed waits for the sweep", leaseExtendWaits},
		{"a failed removal forgets nothing", leaseFailedRemove},
	}
}

// sweep sweeps one blob and reports whether it was removed.
func sweep(t testing.TB, d db.DB, blob pack.Digest) bool {
	t.Helper()
	called := false
	swept, err := d.SweepBlob(t.Context(), blob, func(context.Context) error { called = true; return nil })
	ok(t, err)
	same(t, "reported as called", called, swept)
	return swept
}

func leaseKeeps(t *testing.T, env Env) {
	ctx := t.Context()
	a, b := digestOf("a"), digestOf("b")
	first := must(env.DB.Lease(ctx, []pack.Digest{a, b, a}, ttl))(t)
	second := must(env.DB.Lease(ctx, []pack.Digest{a}, ttl))(t)
	if first == second || first == "" {
		t.Fatalf("leases %q and %q", first, second)
	}
	same(t, "a and b are swept under a lease", false, sweep(t, env.DB, a) || sweep(t, env.DB, b))
	same(t, "a is referenced", true, must(env.DB.Referenced(ctx, a))(t))
	ok(t, env.DB.Release(ctx, first))
	ok(t, env.DB.Release(ctx, first))
	ok(t, env.DB.Release(ctx, "never given"))
	same(t, "a is swept under another's lease", false, sweep(t, env.DB, a))
	same(t, "b is swept", true, sweep(t, env.DB, b))
	same(t, "b is referenced", false, must(env.DB.Referenced(ctx, b))(t))
	ok(t, env.DB.Release(ctx, second))
	same(t, "a is swept", true, sweep(t, env.DB, a))
	same(t, "a is swept again", true, sweep(t, env.DB, a))
	_, err := env.DB.Lease(ctx, []pack.Digest{"sha256:xyz"}, ttl)
	wantKind(t, err, pack.KindInvalid, "")
}

func leaseExpires(t *testing.T, env Env) {
	a := digestOf("a")
	must(env.DB.Lease(t.Context(), []pack.Digest{a}, -time.Minute))(t)
	same(t, "swept", true, sweep(t, env.DB, a))
	must(env.DB.Lease(t.Context(), []pack.Digest{a}, 20*time.Millisecond))(t)
	eventually(t, "the lease ends", func() bool { return sweep(t, env.DB, a) })
}

func leaseExtended(t *testing.T, env Env) {
	ctx := t.Context()
	a, b, c := digestOf("a"), digestOf("b"), digestOf("c")
	id := must(env.DB.Lease(ctx, []pack.Digest{a}, -time.Minute))(t)
	ok(t, env.DB.Extend(ctx, id, []pack.Digest{b, c, b}, ttl)) // expired, but nothing has swept it
	for _, d := range []pack.Digest{a, b, c} {
		same(t, "swept", false, sweep(t, env.DB, d))
	}
	ok(t, env.DB.Extend(ctx, id, []pack.Digest{b}, ttl))
	ok(t, env.DB.Extend(ctx, id, nil, -time.Minute))
	for _, d := range []pack.Digest{a, b, c} {
		same(t, "swept", true, sweep(t, env.DB, d))
	}
	empty := must(env.DB.Lease(ctx, nil, ttl))(t)
	ok(t, env.DB.Extend(ctx, empty, []pack.Digest{a}, ttl))
	same(t, "swept", false, sweep(t, env.DB, a))
	ok(t, env.DB.Release(ctx, empty))
	same(t, "swept", true, sweep(t, env.DB, a))
	for _, id := range []db.LeaseID{"", "bad\x00\xff"} {
		wantKind(t, env.DB.Extend(ctx, id, []pack.Digest{a}, ttl), pack.KindUnavailable, "lease_expired")
	}
	wantKind(t, env.DB.Extend(ctx, empty, []pack.Digest{"sha256:xyz"}, ttl), pack.KindInvalid, "")
	// A publication under a lease that grew.
	p := publication("default", "grown", "1.0.0", "grown")
	p.Version.TarGzStored = true
	p.Lease = must(env.DB.Lease(ctx, digests(p)[:1], ttl))(t)
	ok(t, env.DB.Extend(ctx, p.Lease, digests(p)[1:], ttl))
	_, _, err := env.DB.Publish(ctx, p)
	ok(t, err)
}

func leaseExtendedLate(t *testing.T, env Env) {
	ctx := t.Context()
	a, b := link("a"), link("b")
	id := must(env.DB.Lease(ctx, []pack.Digest{a.Blob}, -time.Minute))(t)
	same(t, "swept", true, sweep(t, env.DB, a.Blob))
	ok(t, env.DB.Extend(ctx, id, []pack.Digest{b.Blob}, ttl))
	wantKind(t, env.DB.PutOCIBlob(ctx, "r", a, id), pack.KindUnavailable, "lease_expired")
	ok(t, env.DB.PutOCIBlob(ctx, "r", b, id))
	ok(t, env.DB.Extend(ctx, id, []pack.Digest{a.Blob}, ttl))
	ok(t, env.DB.PutOCIBlob(ctx, "r", a, id))
}

func leaseReferencesOCI(t *testing.T, env Env) {
	ctx := t.Context()
	putImage(t, env.DB, "r", "one", "a")
	upload(t, env.DB, "u", "r", "part")
	v := push(t, env.DB, "default", "p", "1.0.0")
	m := packManifest("one")
	ok(t, setPackManifest(ctx, env.DB, v.RevisionID, m))
	ok(t, env.DB.PutOCIBlob(ctx, "r2", link("layer of one"), "")) // named twice, told once
	want := append(keeps(m), digestOf("layer of one"), digestOf("manifest one"), digestOf("part"), v.Digest)
	slices.Sort(want)
	want = slices.Compact(want)
	var got []pack.Digest
	ok(t, env.DB.BlobRefs(ctx, func(r db.BlobRef) error {
		got = append(got, r.Digest)
		if r.Digest == digestOf("part") {
			same(t, "size", db.BlobRef{Digest: r.Digest, Size: 4, Referenced: true}, r)
		}
		return nil
	}))
	same(t, "references in order", want, got)
	for _, d := range want {
		same(t, "referenced", true, referenced(t, env.DB, d))
		same(t, "swept", false, sweep(t, env.DB, d))
	}
	ok(t, env.DB.DeleteOCIRepository(ctx, "r"))
	ok(t, env.DB.DeleteOCIRepository(ctx, "r2"))
	ok(t, env.DB.DeletePack(ctx, "default", "p", "bob"))
	for _, d := range want {
		same(t, "swept", true, sweep(t, env.DB, d))
	}
	ok(t, env.DB.BlobRefs(ctx, func(r db.BlobRef) error {
		t.Errorf("%s is still referred to", r.Digest)
		return nil
	}))
}

func leaseReferences(t *testing.T, env Env) {
	ctx := t.Context()
	p := publication("default", "held", "1.0.0", "held")
	p.Version.TarGzStored = true
	publish(t, env.DB, p, db.Created)
	derived := publication("default", "derived", "1.0.0", "derived") // its tar.gz is no blob
	publish(t, env.DB, derived, db.Created)
	want := append(digests(p), derived.Version.Digest)
	slices.Sort(want)
	var got []pack.Digest
	ok(t, env.DB.BlobRefs(ctx, func(r db.BlobRef) error {
		got = append(got, r.Digest)
		if !r.Referenced {
			t.Errorf("%s is not referenced", r.Digest)
		}
		return nil
	}))
	same(t, "references in order", want, got)
	for _, d := range want {
		same(t, "swept", false, sweep(t, env.DB, d))
		same(t, "referenced", true, must(env.DB.Referenced(ctx, d))(t))
	}
	same(t, "the derived tar.gz", false, must(env.DB.Referenced(ctx, derived.Version.TarGzDigest))(t))
	// Two versions of one content share their blob.
	shared := publication("default", "held", "2.0.0", "held")
	shared.Version.TarGzStored = true
	publish(t, env.DB, shared, db.Created)
	ok(t, env.DB.DeleteVersion(ctx, "default", "held", "1.0.0", "", "bob"))
	same(t, "swept while shared", false, sweep(t, env.DB, p.Version.Digest))
	ok(t, env.DB.DeletePack(ctx, "default", "held", "bob"))
	for _, d := range digests(p) {
		same(t, "swept", true, sweep(t, env.DB, d))
	}
	stop := errors.New("stop")
	if err := env.DB.BlobRefs(ctx, func(db.BlobRef) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func leaseWaits(t *testing.T, env Env) {
	other := env.Reopen(t)
	a := digestOf("a")
	leased := make(chan error, 1)
	removed := false
	swept, err := env.DB.SweepBlob(t.Context(), a, func(context.Context) error {
		go func() {
			_, err := other.Lease(t.Context(), []pack.Digest{a}, ttl)
			leased <- err
		}()
		select {
		case <-leased:
			t.Error("the lease did not wait for the sweep")
			leased <- nil
		case <-time.After(100 * time.Millisecond): // it waits
		}
		removed = true
		return nil
	})
	ok(t, err)
	same(t, "swept", true, swept && removed)
	ok(t, <-leased)
	same(t, "swept under the lease", false, sweep(t, env.DB, a))
}

func leaseExtendWaits(t *testing.T, env Env) {
	other := env.Reopen(t)
	a := link("a")
	id := must(other.Lease(t.Context(), []pack.Digest{a.Blob}, -time.Minute))(t)
	extended := make(chan error, 1)
	swept, err := env.DB.SweepBlob(t.Context(), a.Blob, func(context.Context) error {
		go func() { extended <- other.Extend(t.Context(), id, nil, ttl) }()
		select {
		case <-extended:
			t.Error("the renewal did not wait for the sweep")
			extended <- nil
		case <-time.After(100 * time.Millisecond): // it waits
		}
		return nil
	})
	ok(t, err)
	same(t, "swept", true, swept)
	ok(t, <-extended)
	wantKind(t, other.PutOCIBlob(t.Context(), "r", a, id), pack.KindUnavailable, "lease_expired")
}

func leaseFailedRemove(t *testing.T, env Env) {
	a := digestOf("a")
	broken := errors.New("the store is down")
	swept, err := env.DB.SweepBlob(t.Context(), a, func(context.Context) error { return broken })
	if swept || !errors.Is(err, broken) {
		t.Errorf("swept %v, error %v", swept, err)
	}
	must(env.DB.Lease(t.Context(), []pack.Digest{a}, ttl))(t)
	push(t, env.DB, "default", "after", "1.0.0")
}
