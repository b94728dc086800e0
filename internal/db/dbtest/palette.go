package dbtest

import (
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func paletteTests() []test {
	return []test{
		{"connections made, changed, listed, removed", paletteConnections},
		{"what is shown and what lacks", paletteShown},
		{"two write what is shown", paletteRace},
	}
}

func connection(name string) db.Connection {
	return db.Connection{
		Name: name, Palette: "https://palette.example.com", UID: "u-" + name, Kind: "oci", Namespace: "default", Endpoint: "https://packs.example.com",
		Account: "palette-" + name, Credential: "c", CreatedAt: pushedAt, ChangedAt: pushedAt,
	}
}

func shownAt(version string, revision int, since time.Time) db.Shown {
	return db.Shown{Version: version, Revision: revision, Since: since}
}

func unshownAt(name, version string, at time.Time) db.Unshown {
	return db.Unshown{Pack: name, Version: version, Revision: 1, PushedAt: at}
}

func connections(t *testing.T, d db.DB) []db.Connection {
	t.Helper()
	return must(d.Connections(t.Context()))(t)
}

func paletteConnections(t *testing.T, env Env) {
	ctx, d := t.Context(), env.DB
	same(t, "connections", []db.Connection{}, connections(t, d))
	b, a := connection("b"), connection("A")
	ok(t, d.PutConnection(ctx, b))
	ok(t, d.PutConnection(ctx, a))
	same(t, "connections", []db.Connection{a, b}, connections(t, env.Reopen(t)))
	b.Sync = db.ConnectionSync{Seq: 7, Asked: pushedAt, Ended: pushedAt.Add(time.Second), Good: pushedAt.Add(time.Second), State: "done"}
	ok(t, d.PutSync(ctx, "b", b.UID, b.Sync))
	// What is not the entry itself keeps the syncs.
	b.Credential, b.Endpoint, b.ChangedAt = "c2", "https://other.example.com", pushedAt.Add(time.Hour)
	ok(t, d.PutConnection(ctx, b))
	same(t, "connections", []db.Connection{a, b}, connections(t, d))
	push(t, d, "default", "x", "1.0.0")
	ok(t, d.SetShown(ctx, "b", b.UID, "x", []db.Shown{{Version: "1.0.0", Revision: 1, Since: pushedAt}}))
	// Another entry under the name has synced and shown nothing yet, and news of the old one come too late.
	old := b.UID
	b.UID, b.Sync = "u2", db.ConnectionSync{}
	ok(t, d.PutConnection(ctx, b))
	same(t, "connections", []db.Connection{a, b}, connections(t, d))
	same(t, "shown", 0, must(d.Standing(ctx, "b"))(t).Shown)
	wantKind(t, d.PutSync(ctx, "b", old, db.ConnectionSync{}), pack.KindNotFound, "connection_not_found")
	wantKind(t, d.SetShown(ctx, "b", old, "x", nil), pack.KindNotFound, "connection_not_found")
	wantKind(t, d.PutSync(ctx, "c", "", db.ConnectionSync{}), pack.KindNotFound, "connection_not_found")
	ok(t, d.DeleteConnection(ctx, "b"))
	wantKind(t, d.DeleteConnection(ctx, "b"), pack.KindNotFound, "connection_not_found")
	same(t, "connections", []db.Connection{a}, connections(t, d))
	wantKind(t, d.PutConnection(ctx, db.Connection{Name: "a\x00"}), pack.KindInvalid, "text_invalid")
}

func paletteShown(t *testing.T, env Env) {
	ctx, d := t.Context(), env.DB
	standing := func(want db.Standing) { t.Helper(); same(t, "standing", want, must(d.Standing(ctx, "p"))(t)) }
	at := func(minutes int, p db.Publication) db.Publication {
		p.Version.PushedAt = pushedAt.Add(time.Duration(minutes) * time.Minute)
		return p
	}
	c := connection("p")
	ok(t, d.PutConnection(ctx, c))
	standing(db.Standing{})
	publish(t, d, at(0, publication("default", "x", "1.0.0", "one")), db.Created)
	publish(t, d, at(2, publication("default", "y", "1.0.0", "y")), db.Created)
	publish(t, d, at(1, publication("default", "x", "2.0.0", "two")), db.Created)
	push(t, d, "other", "x", "9.0.0")
	ok(t, d.SetTag(ctx, "default", "x", "stable", "1.0.0", "alice"))
	standing(db.Standing{Changes: 3, Oldest: pushedAt, Unshown: 3})
	minute := func(n int) time.Time { return pushedAt.Add(time.Duration(n) * time.Minute) }
	same(t, "unshown", []db.Unshown{unshownAt("y", "1.0.0", minute(2)), unshownAt("x", "2.0.0", minute(1)), unshownAt("x", "1.0.0", minute(0))}, must(d.Unshown(ctx, "p", 9))(t))
	same(t, "unshown", 2, len(must(d.Unshown(ctx, "p", 2))(t)))
	same(t, "unshown of none", 0, len(must(d.Unshown(ctx, "q", 9))(t)))

	head := must(d.Head(ctx))(t)
	good := db.ConnectionSync{Seq: head.Seq, Good: minute(3), State: "done"}
	ok(t, d.SetShown(ctx, "p", c.UID, "x", []db.Shown{shownAt("1.0.0", 1, minute(3)), shownAt("2.0.0", 1, minute(3))}))
	ok(t, d.PutSync(ctx, "p", c.UID, good))
	standing(db.Standing{Shown: 2, Unshown: 1})
	in := func(version string, revision int) []pack.Visible {
		t.Helper()
		return must(d.ShownIn(ctx, "default", "x", version, revision))(t)
	}
	want := []pack.Visible{{Entry: "p", Palette: c.Palette, Since: minute(3)}}
	same(t, "shown in", want, in("1.0.0", 1))
	same(t, "another revision is shown in", 0, len(in("1.0.0", 2)))
	same(t, "of another namespace is shown in", 0, len(must(d.ShownIn(ctx, "other", "x", "1.0.0", 1))(t)))

	// A replaced version is not shown until its new revision is; one that stays keeps its time.
	p := at(5, publication("default", "x", "1.0.0", "one again"))
	p.Force = true
	publish(t, d, p, db.Replaced)
	standing(db.Standing{Changes: 1, Oldest: minute(5), Shown: 1, Unshown: 2})
	ok(t, d.SetShown(ctx, "p", c.UID, "x", []db.Shown{shownAt("1.0.0", 2, minute(6)), shownAt("2.0.0", 1, minute(6))}))
	same(t, "shown in", []pack.Visible{{Entry: "p", Palette: c.Palette, Since: minute(6)}}, in("1.0.0", 2))
	same(t, "shown in", want, in("2.0.0", 1))
	// What Palette no longer shows, and what is deleted here.
	ok(t, d.SetShown(ctx, "p", c.UID, "x", []db.Shown{shownAt("1.0.0", 2, minute(7))}))
	same(t, "shown in", 0, len(in("2.0.0", 1)))
	ok(t, d.DeleteVersion(ctx, "default", "x", "1.0.0", "", "alice"))
	standing(db.Standing{Changes: 2, Oldest: minute(5), Unshown: 2})
	good.State, good.Problem = "failed", "no"
	ok(t, d.PutSync(ctx, "p", c.UID, good))
	same(t, "after a bad sync, shown in", 1, len(in("1.0.0", 2)))
	good.State, good.Problem, good.Seq = "done", "", must(d.Head(ctx))(t).Seq
	ok(t, d.PutSync(ctx, "p", c.UID, good))
	same(t, "after a good sync, shown in", 0, len(in("1.0.0", 2)))
	// The legacy kind shows tags too.
	c.Kind = "pack"
	ok(t, d.PutConnection(ctx, c))
	same(t, "changes", int64(7), must(d.Standing(ctx, "p"))(t).Changes)
}

func paletteRace(t *testing.T, env Env) {
	ctx := t.Context()
	c := connection("p")
	ok(t, env.DB.PutConnection(ctx, c))
	push(t, env.DB, "default", "x", "1.0.0")
	push(t, env.DB, "default", "x", "2.0.0")
	both := []db.Shown{shownAt("1.0.0", 1, pushedAt), shownAt("2.0.0", 1, pushedAt)}
	errs := make([]error, 8)
	together(t, env, len(errs), func(i int, d db.DB) { errs[i] = d.SetShown(t.Context(), "p", c.UID, "x", both[i%2:]) })
	for _, err := range errs {
		ok(t, err)
	}
	if n := must(env.DB.Standing(ctx, "p"))(t).Shown; n != 1 && n != 2 {
		t.Errorf("%d are shown", n)
	}
}
