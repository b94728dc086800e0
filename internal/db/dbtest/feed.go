package dbtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func feedTests() []test {
	return []test{
		{"what a change tells", feedContent},
		{"limits and the end", feedLimits},
		{"a namespace", feedNamespace},
		{"texts of any kind", feedTexts},
		{"texts that cannot be kept", feedUnstorable},
		{"a cursor of another feed is gone", feedGone},
		{"cursors survive a restart", feedRestart},
		{"a snapshot and the changes since are the state, under writers", feedState},
		{"an error of the receiver ends a snapshot", feedSnapshotError},
		{"what of a snapshot is no longer so", feedSnapshotSince},
	}
}

func feedContent(t *testing.T, env Env) {
	start := birth(t, env.DB)
	vs := overwrite(t, env.DB, "told", "one", "two")
	changes, end := changesSince(t, env.DB, start, "*")
	same(t, "number of changes", 2, len(changes))
	for i, c := range changes {
		v := vs[i]
		want := pack.Change{
			Type: pack.VersionPushed, Namespace: "default", Name: "told", Version: "1.0.0", Digest: v.Digest, ContentDigest: v.ContentDigest,
			Revision: v.Revision, At: v.PushedAt, By: "alice", Seq: int64(i + 1), Cursor: c.Cursor,
		}
		if i == 1 {
			want.Type = pack.VersionReplaced
		}
		same(t, "change", want, c)
		mark, err := db.DecodeCursor(c.Cursor)
		ok(t, err)
		same(t, "number in the cursor", c.Seq, mark.Seq)
		rest, _ := changesSince(t, env.DB, mark, "*")
		same(t, "changes after it", changes[i+1:], rest)
	}
	same(t, "end", must(env.DB.Head(t.Context()))(t), end)
}

func feedLimits(t *testing.T, env Env) {
	ctx := t.Context()
	start := birth(t, env.DB)
	list, next, err := env.DB.Changes(ctx, start, "*", 10)
	ok(t, err)
	same(t, "changes of an empty feed", 0, len(list))
	same(t, "mark", start, next)
	for i := range 5 {
		push(t, env.DB, "default", "limited", fmt.Sprintf("1.0.%d", i))
	}
	head := must(env.DB.Head(ctx))(t)
	for limit := 1; limit <= 6; limit++ {
		seen, at := 0, start
		for at != head {
			list, next, err := env.DB.Changes(ctx, at, "*", limit)
			ok(t, err)
			if len(list) == 0 || len(list) > limit || next == at {
				t.Fatalf("limit %d: %d changes after %v, next %v", limit, len(list), at, next)
			}
			for _, c := range list {
				seen++
				same(t, "version", fmt.Sprintf("1.0.%d", seen-1), c.Version)
			}
			at = next
		}
		same(t, "changes seen", 5, seen)
	}
}

func feedNamespace(t *testing.T, env Env) {
	ctx := t.Context()
	start := birth(t, env.DB)
	push(t, env.DB, "mine", "x", "1.0.0")
	for i := range 30 {
		push(t, env.DB, "theirs", "y", fmt.Sprintf("1.0.%d", i))
	}
	head := must(env.DB.Head(ctx))(t)
	changes, end := changesSince(t, env.DB, start, "mine")
	same(t, "changes", []brief{{pack.VersionPushed, "mine", "x", "1.0.0", ""}}, briefs(changes))
	same(t, "end", head, end)
	changes, end = changesSince(t, env.DB, start, "nowhere")
	same(t, "changes", 0, len(changes))
	same(t, "end", head, end)
	push(t, env.DB, "mine", "x", "2.0.0")
	changes, _ = changesSince(t, env.DB, end, "mine")
	same(t, "changes", []brief{{pack.VersionPushed, "mine", "x", "2.0.0", ""}}, briefs(changes))
}

func feedGone(t *testing.T, env Env) {
	ctx := t.Context()
	start := birth(t, env.DB)
	push(t, env.DB, "default", "x", "1.0.0")
	middle := must(env.DB.Head(ctx))(t)
	push(t, env.DB, "default", "x", "2.0.0")
	head := must(env.DB.Head(ctx))(t)
	changes, _ := changesSince(t, env.DB, db.Mark{}, "*") // the zero mark is before any change
	same(t, "all changes", 2, len(changes))
	for _, gone := range []db.Mark{
		{Seq: 0, Mark: middle.Mark},
		{Seq: middle.Seq, Mark: start.Mark},
		{Seq: middle.Seq},
		{Seq: head.Seq, Mark: middle.Mark},
		{Seq: head.Seq + 1, Mark: head.Mark},
		{Seq: -1, Mark: head.Mark},
		{Seq: 1 << 62, Mark: "x"},
		{Seq: middle.Seq, Mark: "\x00\xff"},
	} {
		for _, ns := range []string{"*", "default", "nowhere"} {
			_, _, err := env.DB.Changes(ctx, gone, ns, 10)
			if !pack.IsKind(err, pack.KindCursorGone) {
				t.Errorf("%+v in %s: %v", gone, ns, err)
			}
		}
	}
}

func feedRestart(t *testing.T, env Env) {
	start := birth(t, env.DB)
	push(t, env.DB, "default", "kept", "1.0.0")
	before, head := changesSince(t, env.DB, start, "*")
	other := env.Reopen(t)
	ok(t, env.DB.Close())
	_, err := env.DB.Head(t.Context())
	wantKind(t, err, pack.KindUnavailable, "")
	same(t, "head", head, must(other.Head(t.Context()))(t))
	after, _ := changesSince(t, other, start, "*")
	same(t, "changes", before, after)
	push(t, other, "default", "kept", "2.0.0")
	after, _ = changesSince(t, other, head, "*")
	same(t, "changes", []brief{{pack.VersionPushed, "default", "kept", "2.0.0", ""}}, briefs(after))
}

// mirror is what somebody knows who reads only the feed.
type mirror map[string]string // namespace name version: digest and revision; namespace name #tag: version

func (m mirror) snapshot(t testing.TB, d db.DB) db.Mark {
	return must(d.Snapshot(t.Context(), "*", m.take))(t)
}

// take is what a snapshot calls.
func (m mirror) take(v *pack.Version) error {
	m[v.Namespace+" "+v.Name+" "+v.Version] = fmt.Sprint(v.Digest, v.ContentDigest, v.Revision)
	for _, tag := range v.Tags {
		m[v.Namespace+" "+v.Name+" #"+tag] = v.Version
	}
	return nil
}

// advance replaces what is not so any more.
func (m mirror) advance(t testing.TB, d db.DB, since db.Mark) db.Mark {
	now := mirror{}
	changed, mark, err := d.SnapshotSince(t.Context(), since, 1000, now.take)
	ok(t, err)
	for _, p := range changed {
		maps.DeleteFunc(m, func(key, _ string) bool { return strings.HasPrefix(key, p.Namespace+" "+p.Name+" ") })
	}
	maps.Copy(m, now)
	return mark
}

func (m mirror) apply(t testing.TB, changes []pack.Change) {
	for _, c := range changes {
		key := c.Namespace + " " + c.Name + " "
		switch c.Type {
		case pack.VersionPushed, pack.VersionReplaced:
			m[key+c.Version] = fmt.Sprint(c.Digest, c.ContentDigest, c.Revision)
		case pack.VersionDeleted:
			if _, there := m[key+c.Version]; !there {
				t.Errorf("the feed deletes what was not there: %+v", c)
			}
			delete(m, key+c.Version)
		case pack.TagSet:
			m[key+"#"+c.Tag] = c.Version
		case pack.TagDeleted:
			if m[key+"#"+c.Tag] != c.Version {
				t.Errorf("the feed deletes a tag that was not there: %+v", c)
			}
			delete(m, key+"#"+c.Tag)
		default:
			t.Errorf("unknown change %+v", c)
		}
	}
}

// mutate does n random things. What the state forbids is no error.
func mutate(t testing.TB, d db.DB, seed uint64, n int) error {
	r := rand.New(rand.NewPCG(seed, 7))
	for range n {
		ns, name, version := fmt.Sprint("ns", r.IntN(2)), fmt.Sprint("pack", r.IntN(2)), fmt.Sprintf("1.0.%d", r.IntN(3))
		var err error
		switch r.IntN(8) {
		case 0:
			err = d.DeleteVersion(t.Context(), ns, name, version, "", "bob")
		case 1:
			err = d.DeleteTag(t.Context(), ns, name, "stable", "bob")
		case 2, 3:
			err = d.SetTag(t.Context(), ns, name, "stable", version, "bob")
		case 4:
			if r.IntN(5) == 0 {
				err = d.DeletePack(t.Context(), ns, name, "bob")
			}
		default:
			p := publication(ns, name, version, fmt.Sprint("content ", r.IntN(4)))
			p.Force = r.IntN(2) == 0
			_, _, err = tryPublish(t.Context(), d, p)
		}
		switch pack.KindOf(err) {
		case "", pack.KindNotFound, pack.KindConflict:
		default:
			return err
		}
	}
	return nil
}

func feedState(t *testing.T, env Env) {
	const writers, steps = 6, 40
	errs := make(chan error, writers)
	other := env.Reopen(t)
	for i := range writers {
		d := env.DB
		if i%2 == 1 {
			d = other
		}
		go func() { errs <- mutate(t, d, uint64(i), steps) }()
	}
	var mirrors []mirror
	var marks []db.Mark
	var failures []error
	for done := 0; done < writers; {
		select {
		case err := <-errs:
			failures = append(failures, err)
			done++
		default:
			if len(mirrors) < 40 {
				mirrors = append(mirrors, mirror{})
				marks = append(marks, mirrors[len(mirrors)-1].snapshot(t, env.DB))
			}
			for i := range mirrors { // some read on meanwhile
				if i%3 == 0 {
					list, next, err := env.DB.Changes(t.Context(), marks[i], "*", 5)
					ok(t, err)
					mirrors[i].apply(t, list)
					marks[i] = next
				}
				if i%3 == 1 {
					marks[i] = mirrors[i].advance(t, other, marks[i])
				}
			}
		}
	}
	ok(t, errors.Join(failures...))
	state := mirror{}
	head := state.snapshot(t, other)
	if len(state) == 0 || len(mirrors) < 2 {
		t.Fatalf("the test did nothing: %d entries, %d mirrors", len(state), len(mirrors))
	}
	for i, m := range mirrors {
		if i%3 == 1 {
			marks[i] = m.advance(t, env.DB, marks[i])
		}
		changes, end := changesSince(t, env.DB, marks[i], "*")
		m.apply(t, changes)
		same(t, "end", head, end)
		same(t, "state", state, m)
	}
}

func feedSnapshotError(t *testing.T, env Env) {
	push(t, env.DB, "default", "x", "1.0.0")
	push(t, env.DB, "default", "x", "2.0.0")
	stop := errors.New("stop")
	calls := 0
	_, err := env.DB.Snapshot(t.Context(), "*", func(*pack.Version) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	push(t, env.DB, "default", "x", "3.0.0") // nothing was left locked
	var got []string
	mark := must(env.DB.Snapshot(t.Context(), "default", func(v *pack.Version) error {
		got = append(got, v.Version)
		if v.Manifest != nil || v.Warnings != nil {
			t.Error("a catalogue line has manifest or warnings")
		}
		return nil
	}))(t)
	same(t, "versions", []string{"1.0.0", "2.0.0", "3.0.0"}, got)
	same(t, "mark", must(env.DB.Head(t.Context()))(t), mark)
	must(env.DB.Snapshot(t.Context(), "nowhere", func(*pack.Version) error { t.Error("not empty"); return nil }))(t)
}

func feedSnapshotSince(t *testing.T, env Env) {
	ctx := t.Context()
	start := must(env.DB.Head(ctx))(t)
	push(t, env.DB, "default", "x", "1.0.0")
	push(t, env.DB, "other", "x", "1.0.0")
	push(t, env.DB, "default", "gone", "1.0.0")
	ok(t, env.DB.DeletePack(ctx, "default", "gone", "bob"))
	var got []string
	take := func(v *pack.Version) error {
		got = append(got, v.Namespace+"/"+v.Name+" "+v.Version+fmt.Sprint(v.Tags))
		return nil
	}
	changed, mark, err := env.DB.SnapshotSince(ctx, start, 3, take)
	ok(t, err)
	same(t, "changed", []db.PackName{{Namespace: "default", Name: "gone"}, {Namespace: "default", Name: "x"}, {Namespace: "other", Name: "x"}}, changed)
	same(t, "versions", []string{"default/x 1.0.0[]", "other/x 1.0.0[]"}, got)
	same(t, "mark", must(env.DB.Head(ctx))(t), mark)

	got = nil
	if changed, _, err = env.DB.SnapshotSince(ctx, start, 2, take); err != nil || len(changed) < 3 || len(got) > 0 {
		t.Errorf("more changed than are wanted: %v, %v, %v", changed, got, err)
	}
	ok(t, env.DB.SetTag(ctx, "other", "x", "stable", "1.0.0", "bob"))
	changed, now, err := env.DB.SnapshotSince(ctx, mark, 3, take)
	ok(t, err)
	same(t, "changed", []db.PackName{{Namespace: "other", Name: "x"}}, changed)
	same(t, "versions", []string{"other/x 1.0.0[stable]"}, got)
	if changed, again, err := env.DB.SnapshotSince(ctx, now, 3, take); err != nil || len(changed) > 0 || again != now {
		t.Errorf("nothing changed: %v, %v, %v", changed, again, err)
	}
	_, _, err = env.DB.SnapshotSince(ctx, db.Mark{Seq: mark.Seq, Mark: "another"}, 3, take)
	wantKind(t, err, pack.KindCursorGone, "cursor_gone")
}
