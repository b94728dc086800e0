package dbtest

import (
	"errors"
	"strconv"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func tagTests() []test {
	return []test{
		{"set, move and delete", tagLife},
		{"what is derived is reserved", tagReserved},
		{"what is not there", tagMissing},
		{"parent tags follow the versions", tagParents},
		{"a version takes its own tag from a hand-set one", tagGivesWay},
		{"one pack's tags under many writers", tagRace},
	}
}

func tagLife(t *testing.T, env Env) {
	ctx := t.Context()
	start := birth(t, env.DB)
	push(t, env.DB, "default", "tagged", "1.0.0")
	push(t, env.DB, "default", "tagged", "2.0.0")
	for _, version := range []string{"1.0.0", "2.0.0", "2.0.0"} {
		ok(t, env.DB.SetTag(ctx, "default", "tagged", "stable", version, "bob"))
		same(t, "version", version, resolve(t, env.DB, "tagged", label("stable")).Version)
	}
	same(t, "tags of the version", []string{"2.0.0", "2.0.x", "2.x", "stable"}, resolve(t, env.DB, "tagged", label("2.0.0")).Tags)
	same(t, "tags of the other", []string{"1.0.0", "1.0.x", "1.x"}, resolve(t, env.DB, "tagged", label("1.0.0")).Tags)
	ok(t, env.DB.DeleteTag(ctx, "default", "tagged", "stable", "bob"))
	_, err := env.DB.Resolve(ctx, "default", "tagged", label("stable"))
	wantKind(t, err, pack.KindNotFound, "version_not_found")
	changes, _ := changesSince(t, env.DB, start, "*")
	same(t, "changes", []brief{
		{pack.VersionPushed, "default", "tagged", "1.0.0", ""},
		{pack.VersionPushed, "default", "tagged", "2.0.0", ""},
		{pack.TagSet, "default", "tagged", "1.0.0", "stable"},
		{pack.TagSet, "default", "tagged", "2.0.0", "stable"}, // set to the same again: nothing
		{pack.TagDeleted, "default", "tagged", "2.0.0", "stable"},
	}, briefs(changes))
}

func tagReserved(t *testing.T, env Env) {
	ctx := t.Context()
	p := publication("default", "derived", "1.16.1", "one")
	p.Version.Group = "lts"
	publish(t, env.DB, p, db.Created)
	head := must(env.DB.Head(ctx))(t)
	for _, tag := range []string{"latest", "1.16.x", "1.x", "7.x", "lts__3.4.x", "lts__1.16.1", "1.16.1"} {
		wantKind(t, env.DB.SetTag(ctx, "default", "derived", tag, "1.16.1", "bob"), pack.KindConflict, "tag_reserved")
	}
	for _, tag := range []string{"lts__1.16.1", "lts__1.16.x", "lts__1.x"} {
		wantKind(t, env.DB.DeleteTag(ctx, "default", "derived", tag, "bob"), pack.KindConflict, "tag_derived")
	}
	same(t, "head", head, must(env.DB.Head(ctx))(t))
}

func tagMissing(t *testing.T, env Env) {
	ctx := t.Context()
	push(t, env.DB, "default", "there", "1.0.0")
	for _, err := range []error{
		env.DB.SetTag(ctx, "default", "there", "stable", "1.0.1", "bob"),
		env.DB.SetTag(ctx, "default", "there", "stable", "1.0.x", "bob"), // a tag is no version
		env.DB.SetTag(ctx, "default", "nowhere", "stable", "1.0.0", "bob"),
		env.DB.DeleteTag(ctx, "default", "there", "stable", "bob"),
		env.DB.DeleteTag(ctx, "default", "nowhere", "stable", "bob"),
	} {
		wantKind(t, err, pack.KindNotFound, "")
	}
}

func tagParents(t *testing.T, env Env) {
	ctx := t.Context()
	for _, v := range []string{"1.16.1", "1.16.10", "1.16.9", "1.17.0-rc1", "18.04.4", "1.5"} {
		push(t, env.DB, "default", "lines", v)
	}
	for tag, want := range map[string]string{
		"1.16.x": "1.16.10", "1.17.x": "1.17.0-rc1", "1.x": "1.16.10", "18.4.x": "18.04.4", "18.x": "18.04.4", "1.5.x": "1.5",
	} {
		same(t, tag, want, resolve(t, env.DB, "lines", label(tag)).Version)
	}
	ok(t, env.DB.DeleteVersion(ctx, "default", "lines", "1.16.10", "", "bob"))
	same(t, "1.x", "1.16.9", resolve(t, env.DB, "lines", label("1.x")).Version)
	p := must(env.DB.Pack(ctx, "default", "lines"))(t)
	for i := 1; i < len(p.Tags); i++ {
		if p.Tags[i-1].Tag >= p.Tags[i].Tag {
			t.Errorf("tags are not in byte order: %v", p.Tags)
		}
	}
}

func tagGivesWay(t *testing.T, env Env) {
	ctx := t.Context()
	push(t, env.DB, "default", "way", "1.0.0")
	ok(t, env.DB.SetTag(ctx, "default", "way", "2.0.0", "1.0.0", "bob"))
	ok(t, env.DB.SetTag(ctx, "default", "way", "stays", "1.0.0", "bob"))
	same(t, "as a tag", "1.0.0", resolve(t, env.DB, "way", label("2.0.0")).Version)
	head := must(env.DB.Head(ctx))(t)
	push(t, env.DB, "default", "way", "2.0.0")
	same(t, "as a version", "2.0.0", resolve(t, env.DB, "way", label("2.0.0")).Version)
	changes, _ := changesSince(t, env.DB, head, "*")
	same(t, "changes", []brief{
		{pack.TagDeleted, "default", "way", "1.0.0", "2.0.0"},
		{pack.VersionPushed, "default", "way", "2.0.0", ""},
	}, briefs(changes))
	ok(t, env.DB.DeleteVersion(ctx, "default", "way", "2.0.0", "", "bob"))
	_, err := env.DB.Resolve(ctx, "default", "way", label("2.0.0"))
	wantKind(t, err, pack.KindNotFound, "version_not_found")
}

func tagRace(t *testing.T, env Env) {
	const writers = 12
	for i := range 3 {
		push(t, env.DB, "default", "raced", strconv.Itoa(i)+".0.0")
	}
	head := must(env.DB.Head(t.Context()))(t)
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		for round := range 3 {
			version := strconv.Itoa((i+round)%3) + ".0.0"
			errs[i] = errors.Join(errs[i], d.SetTag(t.Context(), "default", "raced", "stable", version, "bob"))
		}
	})
	for _, err := range errs {
		ok(t, err)
	}
	changes, _ := changesSince(t, env.DB, head, "*")
	last := ""
	for _, c := range changes {
		if c.Version == last {
			t.Errorf("a change that changed nothing: %v", c)
		}
		last = c.Version
	}
	same(t, "the feed's last word", last, resolve(t, env.DB, "raced", label("stable")).Version)
}
