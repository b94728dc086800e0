package dbtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

// pieces are what texts are made of that somebody may take for a border, a number, an escape or an end.
var pieces = []string{ // never changed
	"a", "0", "12", "-1", " ", ",", "|", ":", ";", "/", "\\", "'", "\"", "%", "$1", "?1", "{", "}", "[", "]", "\n", "\r", "\t",
	"\x01", "\x02", "\x1c", "\x1d", "\x1e", "\x7f", "\u0080", "é", "\u00a0", "\u2028", "\ufeff", "\uffff", "🎉", "NULL", "null", "x'00'",
}

// oddText is a text of up to n pieces, often empty.
func oddText(r *rand.Rand, n int) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// feedTexts is the property that the feed tells every text as it was given.
func feedTexts(t *testing.T, env Env) {
	ctx := t.Context()
	start := birth(t, env.DB)
	r := rand.New(rand.NewPCG(1, 2))
	var want []pack.Change
	told := func(kind pack.ChangeType, v *pack.Version, tag, by string) {
		c := pack.Change{
			Type: kind, Namespace: v.Namespace, Name: v.Name, Version: v.Version, Tag: tag,
			Digest: v.Digest, ContentDigest: v.ContentDigest, Revision: v.Revision, By: by, Seq: int64(len(want) + 1),
		}
		if kind == pack.VersionPushed {
			c.At = v.PushedAt
		}
		want = append(want, c)
	}
	for i := range 60 {
		// Names are not checked here, but a row of the tables is found by them: the number keeps them apart.
		name, version := fmt.Sprint(i, oddText(r, 3)), oddText(r, 3)
		p := publication(oddText(r, 3), name, version, fmt.Sprint("content ", i))
		p.Version.ContentDigest, p.Version.PushedBy = oddText(r, 4), oddText(r, 4)
		v := publish(t, env.DB, p, "created")
		told(pack.VersionPushed, v, "", v.PushedBy)
		tag, by := fmt.Sprint("t", i, oddText(r, 3)), oddText(r, 4)
		ok(t, env.DB.SetTag(ctx, v.Namespace, name, tag, version, by))
		told(pack.TagSet, v, tag, by)
		by = oddText(r, 4) + "\x1f" // which may be anywhere else but in names
		ok(t, env.DB.DeleteVersion(ctx, v.Namespace, name, version, "", by))
		told(pack.TagDeleted, v, tag, by)
		told(pack.VersionDeleted, v, "", by)
	}
	got, _ := changesSince(t, env.DB, start, "*")
	for i := range got {
		if got[i].Cursor == "" || got[i].At.IsZero() {
			t.Errorf("change %d has no cursor or no time: %+v", i, got[i])
		}
		got[i].Cursor = ""
		if i < len(want) && want[i].At.IsZero() {
			want[i].At = got[i].At
		}
	}
	same(t, "changes", want, got)
	for _, c := range want {
		list, _ := changesSince(t, env.DB, start, c.Namespace)
		for _, other := range list {
			same(t, "namespace", c.Namespace, other.Namespace)
		}
		if len(list) == 0 {
			t.Errorf("the namespace %q has no changes", c.Namespace)
		}
	}
}

// feedUnstorable is that a text which one of the databases cannot keep, or cannot tell from the next one, gets into the feed of neither.
func feedUnstorable(t *testing.T, env Env) {
	ctx := t.Context()
	push(t, env.DB, "default", "x", "1.0.0")
	ok(t, env.DB.SetTag(ctx, "default", "x", "stable", "1.0.0", "bob"))
	before := must(env.DB.Head(ctx))(t)
	refuses := func(set func(*pack.Version)) {
		t.Helper()
		p := publication("default", "x", "2.0.0", "other")
		set(&p.Version)
		_, _, err := tryPublish(ctx, env.DB, p)
		wantKind(t, err, pack.KindInvalid, "text_invalid")
	}
	unstorable := []string{"\x00", "a\x00b", "\xff", "a\xed\xa0\x80"}
	for _, bad := range append([]string{"\x1f", "a\x1fb"}, unstorable...) {
		for _, set := range []func(*pack.Version){
			func(v *pack.Version) { v.Namespace = bad },
			func(v *pack.Version) { v.Name = bad },
			func(v *pack.Version) { v.Version = bad },
			func(v *pack.Version) { v.ContentDigest = bad },
		} {
			refuses(set)
		}
		wantKind(t, env.DB.SetTag(ctx, "default", "x", bad, "1.0.0", "bob"), pack.KindInvalid, "text_invalid")
	}
	for _, bad := range unstorable {
		refuses(func(v *pack.Version) { v.PushedBy = bad })
		wantKind(t, env.DB.SetTag(ctx, "default", "x", "new", "1.0.0", bad), pack.KindInvalid, "text_invalid")
		wantKind(t, env.DB.DeleteTag(ctx, "default", "x", "stable", bad), pack.KindInvalid, "text_invalid")
		wantKind(t, env.DB.DeleteVersion(ctx, "default", "x", "1.0.0", "", bad), pack.KindInvalid, "text_invalid")
		wantKind(t, env.DB.DeletePack(ctx, "default", "x", bad), pack.KindInvalid, "text_invalid")
	}
	same(t, "head", before, must(env.DB.Head(ctx))(t))
}
