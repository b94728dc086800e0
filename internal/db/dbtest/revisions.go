package dbtest

import (
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func revisionTests() []test {
	return []test{
		{"an overwritten revision is found by its digests only", revisionOld},
		{"retention forgets what was replaced before", revisionPrune},
	}
}

// overwrite publishes contents one after another under one version.
func overwrite(t *testing.T, d db.DB, name string, contents ...string) []*pack.Version {
	t.Helper()
	var out []*pack.Version
	for i, content := range contents {
		p := publication("default", name, "1.0.0", content)
		p.Version.TarGzStored, p.Force, p.Version.Message = true, true, "because"
		p.Version.PushedAt = pushedAt.Add(time.Duration(i) * time.Hour)
		want := db.Replaced
		if i == 0 {
			want = db.Created
		}
		v := publish(t, d, p, want)
		same(t, "revision", i+1, v.Revision)
		out = append(out, v)
	}
	return out
}

func revisionOld(t *testing.T, env Env) {
	vs := overwrite(t, env.DB, "old", "one", "two", "three")
	same(t, "newest", vs[2].Digest, resolve(t, env.DB, "old", label("1.0.0")).Digest)
	for _, v := range vs {
		for _, d := range []pack.Digest{v.Digest, v.TarGzDigest} {
			got := resolve(t, env.DB, "old", pack.Reference{Digest: d})
			same(t, "revision", v.Revision, got.Revision)
			same(t, "manifest", string(v.Manifest), string(got.Manifest))
			if held := must(env.DB.Referenced(t.Context(), d))(t); !held {
				t.Errorf("revision %d is not referenced", v.Revision)
			}
		}
		files := must(env.DB.Files(t.Context(), v.RevisionID))(t)
		same(t, "files", 2, len(files))
	}
	p := must(env.DB.Pack(t.Context(), "default", "old"))(t)
	same(t, "versions", 1, len(p.Versions))
	same(t, "revision of the version", 3, p.Versions[0].Revision)

	// Back to the first content is a revision of its own.
	back := publication("default", "old", "1.0.0", "one")
	back.Force, back.Version.TarGzStored = true, true
	v := publish(t, env.DB, back, db.Replaced)
	same(t, "revision", 4, v.Revision)
	same(t, "by digest", 4, resolve(t, env.DB, "old", pack.Reference{Digest: v.Digest}).Revision)
}

func revisionPrune(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "pruned", "one", "two", "three")
	// The first was replaced at +1h, the second at +2h.
	n := must(env.DB.PruneRevisions(ctx, pushedAt.Add(time.Hour)))(t)
	same(t, "pruned", 0, n)
	n = must(env.DB.PruneRevisions(ctx, pushedAt.Add(90*time.Minute)))(t)
	same(t, "pruned", 1, n)
	_, err := env.DB.Resolve(ctx, "default", "pruned", pack.Reference{Digest: vs[0].Digest})
	wantKind(t, err, pack.KindNotFound, "version_not_found")
	if must(env.DB.Referenced(ctx, vs[0].Digest))(t) {
		t.Error("a forgotten revision still holds its blob")
	}
	same(t, "files", 0, len(must(env.DB.Files(ctx, vs[0].RevisionID))(t)))
	resolve(t, env.DB, "pruned", pack.Reference{Digest: vs[1].Digest})
	n = must(env.DB.PruneRevisions(ctx, pushedAt.Add(1000*time.Hour)))(t)
	same(t, "pruned", 1, n)
	same(t, "what is current stays", 3, resolve(t, env.DB, "pruned", latest()).Revision)
}
