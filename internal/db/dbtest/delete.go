package dbtest

import (
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func deleteTests() []test {
	return []test{
		{"a version goes with all its revisions", deleteVersion},
		{"pushing again goes on counting", deleteAndPush},
		{"a precondition", deleteIfMatch},
		{"a whole pack", deletePack},
		{"what is not there", deleteMissing},
		{"latest moves", deleteLatest},
	}
}

func deleteVersion(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "gone", "one", "two")
	push(t, env.DB, "default", "gone", "0.9.0")
	ok(t, env.DB.SetTag(ctx, "default", "gone", "stable", "1.0.0", "bob"))
	ok(t, env.DB.SetTag(ctx, "default", "gone", "old", "0.9.0", "bob"))
	ok(t, env.DB.SetTag(ctx, "default", "gone", "beta", "1.0.0", "bob"))
	head := must(env.DB.Head(ctx))(t)
	ok(t, env.DB.DeleteVersion(ctx, "default", "gone", "1.0.0", "", "carol"))
	for _, v := range vs {
		_, err := env.DB.Resolve(ctx, "default", "gone", pack.Reference{Digest: v.Digest})
		wantKind(t, err, pack.KindNotFound, "version_not_found")
		for _, d := range []pack.Digest{v.Digest, v.TarGzDigest} {
			if must(env.DB.Referenced(ctx, d))(t) {
				t.Errorf("revision %d still holds a blob", v.Revision)
			}
		}
		_, _, err = env.DB.FileBySHA256(ctx, "default", "gone", hexOf("one"))
		wantKind(t, err, pack.KindNotFound, "file_not_found")
	}
	_, err := env.DB.Resolve(ctx, "default", "gone", label("stable"))
	wantKind(t, err, pack.KindNotFound, "version_not_found")
	p := must(env.DB.Pack(ctx, "default", "gone"))(t)
	same(t, "latest", "0.9.0", p.Latest)
	same(t, "tags", []pack.Tag{
		{Tag: "0.9.0", Version: "0.9.0", Kind: pack.TagOwn},
		{Tag: "0.9.x", Version: "0.9.0", Kind: pack.TagParent},
		{Tag: "0.x", Version: "0.9.0", Kind: pack.TagParent},
		{Tag: "old", Version: "0.9.0", Kind: pack.TagCustom},
	}, p.Tags)
	changes, _ := changesSince(t, env.DB, head, "*")
	same(t, "changes", []brief{
		{pack.TagDeleted, "default", "gone", "1.0.0", "beta"},
		{pack.TagDeleted, "default", "gone", "1.0.0", "stable"},
		{pack.VersionDeleted, "default", "gone", "1.0.0", ""},
	}, briefs(changes))
	for _, c := range changes {
		same(t, "by", "carol", c.By)
	}
	same(t, "digest in the feed", vs[1].Digest, changes[2].Digest)
}

func deleteAndPush(t *testing.T, env Env) {
	overwrite(t, env.DB, "again", "one", "two")
	ok(t, env.DB.DeleteVersion(t.Context(), "default", "again", "1.0.0", "", "bob"))
	v := publish(t, env.DB, publication("default", "again", "1.0.0", "one"), db.Created)
	same(t, "revision", 3, v.Revision)
	ok(t, env.DB.DeletePack(t.Context(), "default", "again", "bob"))
	v = publish(t, env.DB, publication("default", "again", "1.0.0", "one"), db.Created)
	same(t, "revision", 4, v.Revision)
	same(t, "by digest", 4, resolve(t, env.DB, "again", pack.Reference{Digest: v.Digest}).Revision)
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: "again", Limit: 5}))(t)
	same(t, "found", 1, len(page.Items))
}

func deleteIfMatch(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "cond", "one", "two")
	for _, d := range []pack.Digest{vs[0].Digest, digestOf("x")} {
		wantKind(t, env.DB.DeleteVersion(ctx, "default", "cond", "1.0.0", d, "bob"), pack.KindPrecondition, "")
	}
	ok(t, env.DB.DeleteVersion(ctx, "default", "cond", "1.0.0", vs[1].Digest, "bob"))
	wantKind(t, env.DB.DeleteVersion(ctx, "default", "cond", "1.0.0", vs[1].Digest, "bob"), pack.KindNotFound, "")
}

func deletePack(t *testing.T, env Env) {
	ctx := t.Context()
	for _, v := range []string{"2.0.0", "10.0.0"} {
		push(t, env.DB, "default", "whole", v)
	}
	push(t, env.DB, "default", "other", "1.0.0")
	ok(t, env.DB.SetTag(ctx, "default", "whole", "stable", "2.0.0", "bob"))
	head := must(env.DB.Head(ctx))(t)
	ok(t, env.DB.DeletePack(ctx, "default", "whole", "carol"))
	_, err := env.DB.Pack(ctx, "default", "whole")
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
	_, err = env.DB.Resolve(ctx, "default", "whole", latest())
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
	same(t, "names", []string{"other"}, must(env.DB.Names(ctx, "default"))(t))
	page := must(env.DB.Search(ctx, db.Query{Namespace: "*", Text: "whole", Limit: 5}))(t)
	same(t, "found", 0, len(page.Items))
	changes, _ := changesSince(t, env.DB, head, "*")
	got := briefs(changes)
	same(t, "number of changes", 3, len(got))
	for i, c := range got {
		if c.Type == pack.TagDeleted && (i+1 >= len(got) || got[i+1] != (brief{pack.VersionDeleted, "default", "whole", "2.0.0", ""})) {
			t.Errorf("the tag's deletion does not precede its version's: %v", got)
		}
	}
}

func deleteMissing(t *testing.T, env Env) {
	ctx := t.Context()
	push(t, env.DB, "default", "there", "1.0.0")
	head := must(env.DB.Head(ctx))(t)
	for _, err := range []error{
		env.DB.DeleteVersion(ctx, "default", "there", "1.0.1", "", "bob"),
		env.DB.DeleteVersion(ctx, "default", "nowhere", "1.0.0", "", "bob"),
		env.DB.DeleteVersion(ctx, "nowhere", "there", "1.0.0", "", "bob"),
		env.DB.DeleteVersion(ctx, "default", "There", "1.0.0", "", "bob"),
		env.DB.DeletePack(ctx, "default", "nowhere", "bob"),
		env.DB.DeletePack(ctx, "default", "bad\x00name\xff", "bob"),
	} {
		wantKind(t, err, pack.KindNotFound, "")
	}
	same(t, "head", head, must(env.DB.Head(ctx))(t))
}

func deleteLatest(t *testing.T, env Env) {
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0-rc1"} {
		push(t, env.DB, "default", "line", v)
	}
	for _, want := range []string{"1.1.0", "1.0.0", "2.0.0-rc1"} {
		v := resolve(t, env.DB, "line", latest())
		same(t, "latest", want, v.Version)
		page := must(env.DB.Search(t.Context(), db.Query{Namespace: "default", Limit: 5}))(t)
		same(t, "latest when searched", want, page.Items[0].Version)
		same(t, "tags when searched", v.Tags, page.Items[0].Tags)
		ok(t, env.DB.DeleteVersion(t.Context(), "default", "line", want, "", "bob"))
	}
}
