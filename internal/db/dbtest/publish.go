package dbtest

import (
	"strconv"
	"sync"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func publishTests() []test {
	return []test{
		{"what goes in comes out", publishRoundTrip},
		{"odd text comes out", publishOddText},
		{"the same content twice writes nothing", publishSame},
		{"other content is a conflict", publishConflict},
		{"preconditions", publishPreconditions},
		{"without its lease nothing happens", publishLease},
		{"one of 16 wins", publishRace},
		{"different versions of a new pack do not disturb each other", publishSiblings},
		{"namespaces are apart", publishNamespaces},
	}
}

func publishRoundTrip(t *testing.T, env Env) {
	p := publication("team/edge", "argo-cd", "1.2.3", "one")
	v := &p.Version
	v.DisplayName, v.Group, v.EOL, v.Message, v.Deprecated = "Argo CD", "lts", "2030-01-01", "first", true
	v.CloudTypes = []string{"aws", "vsphere"}
	v.Annotations = map[string]string{"source": "spectrocloud", "system_state": "deprecated"}
	v.Warnings = []pack.Finding{{Rule: "logo-missing", Severity: pack.SeverityWarning, Message: "no logo"}}
	v.Manifest = []byte(`{"unknown": {"kept": [1, 2.50]}, "name":"argo-cd"}`)
	v.TarGzStored = true
	stored := publish(t, env.DB, p, db.Created)
	if stored.RevisionID == 0 {
		t.Error("no revision id")
	}
	want := *v
	want.Revision, want.RevisionID = 1, stored.RevisionID
	want.Tags = []string{"lts__1.2.3", "lts__1.2.x", "lts__1.x"}
	same(t, "the answer", &want, stored)
	for _, ref := range []pack.Reference{
		label("1.2.3"), label("lts__1.2.3"), label("lts__1.2.x"), label("lts__1.x"), latest(),
		{Digest: v.Digest},
		{Digest: v.TarGzDigest},
	} {
		got, err := env.DB.Resolve(t.Context(), "team/edge", "argo-cd", ref)
		ok(t, err)
		same(t, "resolved", &want, got)
	}
	content, err := env.DB.ContentDigest(t.Context(), "team/edge", "argo-cd", "1.2.3")
	ok(t, err)
	same(t, "content digest", v.ContentDigest, content)
	for _, version := range []string{"1.2.x", "lts__1.2.3", "1.2.4", "\x00"} {
		_, err := env.DB.ContentDigest(t.Context(), "team/edge", "argo-cd", version)
		wantKind(t, err, pack.KindNotFound, "version_not_found")
	}
	got := must(env.DB.Pack(t.Context(), "team/edge", "argo-cd"))(t)
	want.Manifest, want.Warnings = nil, nil
	same(t, "the pack", &db.Pack{
		Namespace: "team/edge", Name: "argo-cd", Latest: "1.2.3", Versions: []pack.Version{want},
		Tags: []pack.Tag{
			{Tag: "lts__1.2.3", Version: "1.2.3", Kind: pack.TagOwn},
			{Tag: "lts__1.2.x", Version: "1.2.3", Kind: pack.TagParent},
			{Tag: "lts__1.x", Version: "1.2.3", Kind: pack.TagParent},
		},
	}, got)
	for _, ref := range []pack.Reference{label("1.2.4"), label("1.2.x"), {Digest: digestOf("other")}} {
		_, err := env.DB.Resolve(t.Context(), "team/edge", "argo-cd", ref)
		wantKind(t, err, pack.KindNotFound, "version_not_found")
	}
	_, err = env.DB.Resolve(t.Context(), "default", "argo-cd", latest())
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
	_, err = env.DB.Pack(t.Context(), "team/edge", "argo")
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
}

func publishOddText(t *testing.T, env Env) {
	p := publication("default", "odd", "1.0.0", "odd")
	p.Version.DisplayName = "Ünïcode 日本語 🙂 'quoted' \"twice\" \\ % _ <b>"
	p.Version.Message = "line\nbreak\ttab; DROP TABLE packs; --"
	p.Version.Annotations = map[string]string{"": "empty key", "ключ": "значение", "q": `a'b"c\`}
	p.Readme = "bad \xff utf-8 and \x00 zero"
	p.Version.CloudTypes = nil
	stored := publish(t, env.DB, p, db.Created)
	got := resolve(t, env.DB, "odd", latest())
	same(t, "resolved", stored, got)
	same(t, "display name", p.Version.DisplayName, got.DisplayName)
	same(t, "message", p.Version.Message, got.Message)
	same(t, "annotations", p.Version.Annotations, got.Annotations)
}

func publishSame(t *testing.T, env Env) {
	first := push(t, env.DB, "default", "twice", "1.0.0")
	head := must(env.DB.Head(t.Context()))(t)
	p := publication("default", "twice", "1.0.0", "twice1.0.0")
	p.Version.Digest, p.Version.Message = digestOf("zipped otherwise"), "again"
	p.Force = true
	again := publish(t, env.DB, p, db.Same)
	same(t, "the stored document", resolve(t, env.DB, "twice", latest()), again)
	same(t, "digest", first.Digest, again.Digest)
	same(t, "head", head, must(env.DB.Head(t.Context()))(t))
}

func publishConflict(t *testing.T, env Env) {
	first := push(t, env.DB, "default", "moved", "1.0.0")
	head := must(env.DB.Head(t.Context()))(t)
	_, _, err := tryPublish(t.Context(), env.DB, publication("default", "moved", "1.0.0", "other"))
	wantKind(t, err, pack.KindConflict, "version_exists")
	same(t, "digest", first.Digest, resolve(t, env.DB, "moved", latest()).Digest)
	same(t, "head", head, must(env.DB.Head(t.Context()))(t))
	for i, set := range []func(*db.Publication){
		func(p *db.Publication) { p.Force = true },
		func(p *db.Publication) { p.Overwrite = true },
	} {
		p := publication("default", "moved", "1.0.0", "content "+strconv.Itoa(i))
		set(&p)
		v := publish(t, env.DB, p, db.Replaced)
		same(t, "revision", i+2, v.Revision)
	}
}

func publishPreconditions(t *testing.T, env Env) {
	try := func(content string, match pack.Digest, noneMatch bool) (*pack.Version, error) {
		p := publication("default", "cond", "1.0.0", content)
		p.IfMatch, p.IfNoneMatch, p.Force = match, noneMatch, true
		v, _, err := tryPublish(t.Context(), env.DB, p)
		return v, err
	}
	for _, match := range []pack.Digest{"*", digestOf("x")} {
		_, err := try("one", match, false)
		wantKind(t, err, pack.KindPrecondition, "")
	}
	one := must(try("one", "", true))(t)
	_, err := try("one", "", true) // also of the same content
	wantKind(t, err, pack.KindPrecondition, "")
	_, err = try("two", digestOf("x"), false)
	wantKind(t, err, pack.KindPrecondition, "")
	two := must(try("two", one.Digest, false))(t)
	_, err = try("three", one.Digest, false)
	wantKind(t, err, pack.KindPrecondition, "")
	must(try("three", "*", false))(t)
	same(t, "revision", 3, resolve(t, env.DB, "cond", latest()).Revision)
	ok(t, env.DB.DeleteVersion(t.Context(), "default", "cond", "1.0.0", "", "bob"))
	_, err = try("four", two.Digest, false)
	wantKind(t, err, pack.KindPrecondition, "")
	must(try("four", "", true))(t)
}

func publishLease(t *testing.T, env Env) {
	ctx := t.Context()
	p := publication("default", "leased", "1.0.0", "leased")
	p.Version.TarGzStored = true
	half := must(env.DB.Lease(ctx, []pack.Digest{p.Version.Digest}, ttl))(t)
	gone := must(env.DB.Lease(ctx, digests(p), ttl))(t)
	ok(t, env.DB.Release(ctx, gone))
	expired := must(env.DB.Lease(ctx, digests(p), -ttl/2))(t)
	for _, lease := range []db.LeaseID{"", "nonsense", half, gone, expired} {
		p.Lease = lease
		_, _, err := env.DB.Publish(ctx, p)
		wantKind(t, err, pack.KindUnavailable, "")
	}
	_, err := env.DB.Resolve(ctx, "default", "leased", latest())
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
	same(t, "names", []string{}, must(env.DB.Names(ctx, "*"))(t))
	birth(t, env.DB)

	p.Lease = must(env.DB.Lease(ctx, digests(p), ttl))(t)
	_, _, err = env.DB.Publish(ctx, p)
	ok(t, err)
	other := publication("default", "leased", "2.0.0", "leased")
	other.Version.TarGzStored, other.Lease = true, p.Lease
	_, _, err = env.DB.Publish(ctx, other) // a lease is good for one publish
	wantKind(t, err, pack.KindUnavailable, "")
}

// together runs f n times at once, on two handles of the database.
func together(t *testing.T, env Env, n int, f func(i int, d db.DB)) {
	t.Helper()
	handles := []db.DB{env.DB, env.Reopen(t)}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i, handles[i%2])
		})
	}
	close(start)
	wg.Wait()
}

func publishRace(t *testing.T, env Env) {
	const writers, contents = 16, 4
	start := birth(t, env.DB)
	outcomes, errs := make([]db.Outcome, writers), make([]error, writers)
	versions := make([]*pack.Version, writers)
	together(t, env, writers, func(i int, d db.DB) {
		p := publication("default", "race", "1.0.0", "content "+strconv.Itoa(i%contents))
		versions[i], outcomes[i], errs[i] = tryPublish(t.Context(), d, p)
	})
	winner := resolve(t, env.DB, "race", latest())
	created := 0
	for i := range writers {
		mine := publication("default", "race", "1.0.0", "content "+strconv.Itoa(i%contents)).Version.ContentDigest
		switch {
		case errs[i] != nil:
			wantKind(t, errs[i], pack.KindConflict, "version_exists")
			if mine == winner.ContentDigest {
				t.Errorf("writer %d lost with the content that won", i)
			}
		case outcomes[i] == db.Created:
			created++
			fallthrough
		case outcomes[i] == db.Same:
			same(t, "content", winner.ContentDigest, versions[i].ContentDigest)
			same(t, "content", mine, versions[i].ContentDigest)
		default:
			t.Errorf("writer %d: outcome %q", i, outcomes[i])
		}
	}
	if created != 1 {
		t.Errorf("%d writers created the version", created)
	}
	changes, _ := changesSince(t, env.DB, start, "*")
	same(t, "changes", []brief{{pack.VersionPushed, "default", "race", "1.0.0", ""}}, briefs(changes))
}

func publishSiblings(t *testing.T, env Env) {
	const writers = 16
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		p := publication("fresh", "sibling-"+strconv.Itoa(i%2), "1.0."+strconv.Itoa(i), "shared content")
		_, _, errs[i] = tryPublish(t.Context(), d, p)
	})
	for _, err := range errs {
		ok(t, err)
	}
	for i, want := range []string{"1.0.14", "1.0.15"} {
		p := must(env.DB.Pack(t.Context(), "fresh", "sibling-"+strconv.Itoa(i)))(t)
		same(t, "latest", want, p.Latest)
		same(t, "versions", writers/2, len(p.Versions))
	}
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "fresh", Limit: 10}))(t)
	same(t, "found", 2, len(page.Items))
	same(t, "newest found", "1.0.14", page.Items[0].Version)
}

func publishNamespaces(t *testing.T, env Env) {
	for _, ns := range []string{"a", "a/b", "b"} {
		publish(t, env.DB, publication(ns, "same", "1.0.0", ns), db.Created)
	}
	got := must(env.DB.Resolve(t.Context(), "a/b", "same", latest()))(t)
	same(t, "namespace", "a/b", got.Namespace)
	same(t, "content", "h1:"+hexOf("a/b"), got.ContentDigest)
	_, err := env.DB.Resolve(t.Context(), "a/b", "same", pack.Reference{Digest: digestOf("zip of a")})
	wantKind(t, err, pack.KindNotFound, "version_not_found")
	ok(t, env.DB.DeletePack(t.Context(), "a", "same", "bob"))
	must(env.DB.Resolve(t.Context(), "a/b", "same", latest()))(t)
	same(t, "names", []string{"a/b/same", "b/same"}, must(env.DB.Names(t.Context(), "*"))(t))
}
