package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/registry/snapshot"
)

// mirror is a client that knows only Catalogue and Changes.
type mirror struct {
	cursor   string
	versions map[string]string // namespace/name/version -> digest, content digest, revision
	tags     map[string]string // namespace/name:tag -> version
}

func newMirror() *mirror {
	return &mirror{versions: map[string]string{}, tags: map[string]string{}}
}

func mark(d pack.Digest, content string, revision int) string {
	return fmt.Sprintf("%s %s %d", d, content, revision)
}

// load starts from the catalogue.
func (m *mirror) load(ctx context.Context, r *registry.Registry, namespace string) error {
	*m = *newMirror()
	cursor, err := r.Catalogue(ctx, namespace, func(v *pack.Version) error {
		id := v.Namespace + "/" + v.Name
		m.versions[id+"/"+v.Version] = mark(v.Digest, v.ContentDigest, v.Revision)
		for _, tag := range v.Tags {
			m.tags[id+":"+tag] = v.Version
		}
		return nil
	})
	m.cursor = cursor
	return err
}

// follow applies changes up to the end.
func (m *mirror) follow(ctx context.Context, r *registry.Registry, namespace string, limit int) error {
	for {
		changes, cursor, err := r.Changes(ctx, m.cursor, namespace, limit, 0)
		if err != nil {
			return err
		}
		if len(changes) == 0 && cursor == m.cursor {
			return nil
		}
		m.cursor = cursor
		for _, c := range changes {
			if err := m.apply(c); err != nil {
				return err
			}
		}
	}
}

// apply also refuses changes that cannot follow on what the mirror has: the feed
// must make sense at each step, not only at its end.
func (m *mirror) apply(c pack.Change) error {
	id := c.Namespace + "/" + c.Name
	version, tag := id+"/"+c.Version, id+":"+c.Tag
	_, known := m.versions[version]
	switch c.Type {
	case pack.VersionPushed, pack.VersionReplaced:
		if known != (c.Type == pack.VersionReplaced) {
			return fmt.Errorf("%s of %s, known before: %t", c.Type, version, known)
		}
		m.versions[version] = mark(c.Digest, c.ContentDigest, c.Revision)
	case pack.VersionDeleted:
		if !known {
			return fmt.Errorf("%s deleted, but it was not there", version)
		}
		for t, v := range m.tags {
			if v == c.Version && len(t) > len(id) && t[:len(id)+1] == id+":" {
				return fmt.Errorf("%s deleted before its tag %s", version, t)
			}
		}
		delete(m.versions, version)
	case pack.TagSet:
		if !known {
			return fmt.Errorf("tag %s set on %s, which is not there", tag, version)
		}
		m.tags[tag] = c.Version
	case pack.TagDeleted:
		if _, ok := m.tags[tag]; !ok {
			return fmt.Errorf("tag %s deleted, but it was not there", tag)
		}
		delete(m.tags, tag)
	default:
		return fmt.Errorf("unknown change %q", c.Type)
	}
	return nil
}

func (m *mirror) diff(want *mirror) string {
	return cmp.Diff(want.versions, m.versions) + cmp.Diff(want.tags, m.tags)
}

func TestChangesFromTheBirthTellEverything(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		empty, cursor, err := e.Changes(t.Context(), "", pack.AllNamespaces, 0, 0)
		if err != nil || len(empty) != 0 || cursor == "" {
			t.Fatalf("an empty feed: %v %q %v", empty, cursor, err)
		}
		if head, err := e.Head(t.Context()); err != nil || head != cursor {
			t.Errorf("head %q, cursor %q, %v", head, cursor, err)
		}
		e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
		e.publish(forced(packtest.PackZip("web", "1.0.0", packtest.File("a", "b"))), db.Replaced)
		if err := e.SetTag(t.Context(), ns, "web", "stable", "1.0.0", "tester"); err != nil {
			t.Fatal(err)
		}
		if err := e.DeletePack(t.Context(), ns, "web", "tester"); err != nil {
			t.Fatal(err)
		}
		for _, since := range []string{"", cursor} {
			var types []pack.ChangeType
			for {
				changes, next, err := e.Changes(t.Context(), since, ns, 2, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range changes {
					types = append(types, c.Type)
				}
				if len(changes) == 0 && next == since {
					break
				}
				since = next
			}
			want := []pack.ChangeType{pack.VersionPushed, pack.VersionReplaced, pack.TagSet, pack.TagDeleted, pack.VersionDeleted}
			if diff := cmp.Diff(want, types); diff != "" {
				t.Errorf("changes:\n%s", diff)
			}
		}
	})
}

func TestCursorsThatAreNotOfThisFeed(t *testing.T) {
	e, other := embedded(t), embedded(t)
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	other.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	foreign, err := other.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, wait := range []time.Duration{0, time.Hour} {
		_, _, err = e.Changes(t.Context(), foreign, pack.AllNamespaces, 0, wait)
		wantKind(t, err, pack.KindCursorGone, "cursor_gone")
	}
	_, _, err = e.Changes(t.Context(), "not a cursor", pack.AllNamespaces, 0, 0)
	wantKind(t, err, pack.KindInvalid, "")
	_, _, err = e.Changes(t.Context(), "", "Not a namespace", 0, 0)
	wantKind(t, err, pack.KindInvalid, "")
	_, _, err = e.Changes(t.Context(), "", ns, -1, 0)
	wantKind(t, err, pack.KindInvalid, "")
}

// waiting starts a reader that waits for longer than the test may take.
func (e *env) waiting(ctx context.Context, since, namespace string) <-chan []pack.Change {
	e.t.Helper()
	answer := make(chan []pack.Change, 1)
	e.readers.Add(1)
	go func() {
		defer e.readers.Add(-1)
		changes, _, err := e.Changes(ctx, since, namespace, 0, time.Hour)
		if err != nil {
			e.t.Errorf("waiting: %v", err)
		}
		answer <- changes
	}()
	// All of them: one that is woken for nothing looks, and waits again. The test's own time limit ends this.
	for e.Counts().Waiting < e.readers.Load() {
		time.Sleep(time.Millisecond)
	}
	return answer
}

// TestReadersWakeWhicheverReplicaWrites: two processes on one database.
func TestReadersWakeWhicheverReplicaWrites(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		other := e.replica()
		e.run()
		other.run()
		for i, writer := range []*env{e, other, e} {
			head, err := e.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var answers []<-chan []pack.Change
			for _, reader := range []*env{e, other, e, other} {
				answers = append(answers, reader.waiting(t.Context(), head, pack.AllNamespaces))
			}
			v := writer.publish(upload(packtest.PackZip("web", fmt.Sprintf("1.0.%d", i))), db.Created)
			for _, a := range answers {
				if got := <-a; len(got) != 1 || got[0].Version != v.Version {
					t.Errorf("round %d: woken with %+v", i, got)
				}
			}
		}
	})
}

func TestReadersThatNobodyTellsPollByThemselves(t *testing.T) {
	e := embedded(t)
	other := e.replica()
	for _, run := range []bool{false, true} {
		if run {
			other.db.dead.Store(true) // Run is there, but no notification can be relied on
			other.run()
		}
		head, err := other.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answer := other.waiting(t.Context(), head, ns)
		e.publish(upload(packtest.PackZip("web", fmt.Sprintf("1.0.%d", len(e.blobs())))), db.Created)
		if got := <-answer; len(got) != 1 {
			t.Errorf("woken with %+v", got)
		}
	}
}

func TestWaitingEnds(t *testing.T) {
	e := embedded(t)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	head, err := e.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes, cursor, err := e.Changes(t.Context(), head, ns, 0, 20*time.Millisecond)
	if err != nil || len(changes) != 0 || cursor != head {
		t.Errorf("after the time: %v %q %v", changes, cursor, err)
	}
	// A change in another namespace wakes nobody, but the cursor moves on.
	answer := e.waiting(t.Context(), head, "other")
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	select {
	case got := <-answer:
		t.Errorf("woken by another namespace: %v", got)
	case <-time.After(50 * time.Millisecond):
	}
	gone, leave := context.WithCancel(t.Context())
	left := e.waiting(gone, "", "nothing-here")
	leave()
	if got := <-left; len(got) != 0 {
		t.Errorf("a reader that left got %v", got)
	}
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	if got := <-answer; len(got) != 0 {
		t.Errorf("at the end of Run: %v", got)
	}
	head, err = e.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if late, _, err := e.Changes(t.Context(), head, ns, 0, time.Hour); err != nil || len(late) != 0 {
		t.Errorf("a reader that comes later: %v %v", late, err)
	}
	if n := e.Counts().Waiting; n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestWaitingIsNoBusyLoop(t *testing.T) {
	e := embedded(t)
	e.run()
	head, err := e.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := e.db.heads.Load() + e.db.changes.Load()
	if _, _, err := e.Changes(t.Context(), head, ns, 0, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if n := e.db.heads.Load() + e.db.changes.Load() - reads; n > 3 {
		t.Errorf("%d reads while nothing happened", n)
	}
}

func TestHeadIsCachedOnlyWhileTheFeedIsLive(t *testing.T) {
	start := time.Now()
	var ahead atomic.Int64
	e := embedded(t, func(c *registry.Config) {
		c.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	})
	reads := func(n int) int64 {
		t.Helper()
		before := e.db.heads.Load()
		for range n {
			if _, err := e.Head(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return e.db.heads.Load() - before
	}
	if n := reads(10); n != 10 {
		t.Errorf("without Run: %d reads", n)
	}
	e.run()
	for e.Counts().HeadHits == 0 { // until Run listens; the test's own time limit ends this
		reads(1)
	}
	for reads(10) != 0 { // the first look at the file may still come, and wake; the test's own time limit ends this too
	}
	ahead.Store(int64(2 * time.Second))
	if n := reads(10); n != 1 {
		t.Errorf("after two seconds: %d reads", n)
	}
	e.db.dead.Store(true)
	if n := reads(10); n != 10 {
		t.Errorf("not live: %d reads", n)
	}
	e.db.dead.Store(false)
	if c := e.Counts(); c.HeadHits < 19 || c.HeadReads == 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestWhatWasAcknowledgedIsInTheHead: many writers, each of which reads the feed
// right after its own write.
func TestWhatWasAcknowledgedIsInTheHead(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		e.run()
		first := newMirror()
		if err := first.load(t.Context(), e.Registry, pack.AllNamespaces); err != nil {
			t.Fatal(err)
		}
		const writers, rounds = 4, 8
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				name := fmt.Sprintf("web%d", w)
				for i := range rounds {
					before, err := e.Head(t.Context())
					if err != nil {
						errs[w] = err
						return
					}
					version := fmt.Sprintf("1.0.%d", i)
					if _, err := e.Publish(t.Context(), upload(packtest.PackZip(name, version))); err != nil {
						errs[w] = err
						return
					}
					changes, _, err := e.Changes(t.Context(), before, pack.AllNamespaces, 1000, 0)
					mine := func(c pack.Change) bool { return c.Name == name && c.Version == version }
					if err == nil && !slices.ContainsFunc(changes, mine) {
						err = fmt.Errorf("%s %s is not in the feed after it was acknowledged", name, version)
					}
					if err != nil {
						errs[w] = err
						return
					}
				}
			}()
		}
		during := newMirror()
		if err := during.load(t.Context(), e.Registry, pack.AllNamespaces); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		after := newMirror()
		if err := after.load(t.Context(), e.Registry, pack.AllNamespaces); err != nil {
			t.Fatal(err)
		}
		if n := len(slices.Collect(maps.Keys(after.versions))); n != writers*rounds {
			t.Errorf("%d versions", n)
		}
		for name, m := range map[string]*mirror{"before": first, "during": during, "birth": newMirror()} {
			if err := m.follow(t.Context(), e.Registry, pack.AllNamespaces, 3); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := m.diff(after); diff != "" {
				t.Errorf("a mirror started %s:\n%s", name, diff)
			}
		}
	})
}

func TestCatalogueStopsWithItsReader(t *testing.T) {
	e := embedded(t)
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	full := errors.New("the disk of the reader is full")
	if _, err := e.Catalogue(t.Context(), ns, func(*pack.Version) error { return full }); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	_, err := e.Catalogue(t.Context(), "Not a namespace", nil)
	wantKind(t, err, pack.KindInvalid, "")
}

// What goes out as the whole catalogue is the catalogue at the moment of asking, whichever
// replica has changed it.
func TestBookNeverLags(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		a := open(t)
		replicas := []*env{a, a.replica()}
		ctx := t.Context()
		for step := range 12 {
			e := replicas[step%2]
			var err error
			switch name := fmt.Sprintf("p%d", step%5); step {
			default:
				u := upload(packtest.PackZip(name, "1.0.0", packtest.File("f", fmt.Sprint(step))))
				u.Force, u.Message = true, "again"
				_, err = e.Publish(ctx, u)
			case 7:
				err = e.SetTag(ctx, ns, "p1", "stable", "1.0.0", "t")
			case 9:
				err = e.DeletePack(ctx, ns, "p1", "t")
			}
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			lines := json.NewEncoder(&want)
			cursor, err := a.Catalogue(ctx, ns, func(v *pack.Version) error { return lines.Encode(v) })
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&want, "{\"cursor\":%q}\n", cursor)
			for i, r := range replicas {
				book, at, err := r.Book(ctx, ns, snapshot.Plain)
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				if _, err := book.WriteTo(&got); err != nil || at != cursor || got.String() != want.String() {
					t.Fatalf("step %d, replica %d: %v, cursor %s, want %s\n%s\nwant\n%s", step, i, err, at, cursor, &got, &want)
				}
			}
		}
	})
}
