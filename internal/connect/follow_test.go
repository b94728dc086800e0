package connect_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
	"packregistry/internal/registry"
)

// A replica makes the entry and keeps it in sync, through everything that goes wrong on the way.
func TestFollow(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	first := h.push("full", "1.0.0", "a: 1\n")
	target := h.target()
	h.palette.Fail(palettetest.Faults{Answer: []int{503, 429}}) // the start does not wait for Palette, and tries again
	stop := h.follow(h.service(nil), &target)
	h.shown(first)
	if leader := must(h.service(nil).Leader(ctx))(t); leader == "" {
		t.Error("nobody leads")
	}
	uid := h.status().UID

	// What is pushed is shown; a replaced version counts only once its new content is. What was pinned stays.
	h.shown(h.push("full", "2.0.0", "a: 2\n"))
	again := h.push("full", "1.0.0", "a: 9\n")
	if again.Revision != 2 {
		t.Fatal(again.Revision)
	}
	h.shown(again)
	ok(t, h.palette.Fetch(ctx, uid, "full", "1.0.0"))
	if status, body := h.get("palette-mine", "wrong", "/api/v1/packs"); status != 401 {
		t.Errorf("%d %s", status, body)
	}

	// Palette is down, refuses, loses answers: nothing is shown and nothing is lost.
	h.palette.Fail(palettetest.Faults{Answer: []int{500, 502, 503, 429, 401}})
	late := h.push("full", "3.0.0", "a: 3\n")
	h.eventually("the problem is kept", func() bool { return h.status().Sync.Problem != "" })
	if st := h.status(); st.LagChanges != 1 || st.LagSeconds <= 0 || len(st.Lacks) != 1 || st.Lacks[0].Version != "3.0.0" {
		t.Errorf("%+v", st)
	}
	h.shown(late)

	// A sync that breaks off: what it showed counts, but not that a known version has its new content.
	h.palette.Fail(palettetest.Faults{SyncStops: 1})
	fresh, replaced := h.push("aaa", "1.0.0", "a: 1\n"), h.push("full", "2.0.0", "a: 22\n")
	h.shown(fresh)
	if st := h.status(); st.Sync.State != "failed" || !strings.Contains(st.Sync.Problem, "interrupted") || st.Unshown == 0 {
		t.Errorf("%+v", st)
	}
	h.palette.Fail(palettetest.Faults{})
	h.shown(replaced)

	// Versions without values are not shown; when they have come, they are.
	h.palette.Fail(palettetest.Faults{EmptyValues: true})
	bare := h.push("bare", "1.0.0", "a: 1\n")
	h.eventually("synced", func() bool { st := h.status(); return st.LagChanges == 0 && st.Unshown == 1 && st.Sync.State == "done" })
	h.palette.Fail(palettetest.Faults{})
	h.push("other", "1.0.0", "a: 1\n") // asks for the next sync
	h.shown(bare)

	// An entry that somebody removes is made again.
	client := must(palette.New(palette.Options{URL: h.at.URL, CA: certificate(h.at), Login: palette.Login{APIKey: apiKey}, Now: h.now}))(t)
	defer client.Close()
	ok(t, client.Delete(ctx, palette.KindOCI, uid))
	last := h.push("full", "4.0.0", "a: 4\n")
	h.shown(last)
	if now := h.status().UID; now == uid {
		t.Error("it is the same entry")
	}
	h.eventually("everything is shown", func() bool { return h.status().Unshown == 0 })
	stop()
	if leader := must(h.service(nil).Leader(ctx))(t); leader != "" {
		t.Errorf("%s leads on", leader)
	}
}

// A run that hangs is left alone for an hour, and then forced.
func TestHungSync(t *testing.T) {
	h := newHouse(t)
	target := h.target()
	h.follow(h.service(nil), &target)
	h.shown(h.push("full", "1.0.0", "a: 1\n"))
	uid := h.status().UID
	h.palette.Fail(palettetest.Faults{SyncHangs: true})
	v := h.push("full", "2.0.0", "a: 2\n")
	before := h.asked("POST", "/sync")
	h.eventually("a sync was asked for", func() bool { return h.asked("POST", "/sync") > before })
	h.palette.Fail(palettetest.Faults{})
	looks := h.asked("GET", "/sync/status")
	h.eventually("it is waited for", func() bool { return h.asked("GET", "/sync/status") > looks+3 })
	if n := h.asked("POST", "/sync"); n != before+1 {
		t.Errorf("%d syncs were asked for while one ran", n-before)
	}
	h.pass(61 * time.Minute)
	h.shown(v)
	forced := 0
	for _, r := range h.palette.Requests() {
		if strings.HasSuffix(r.Path, uid+"/basic/sync") && r.Query == "forceSync=true" {
			forced++
		}
	}
	if forced != 1 {
		t.Errorf("%d were forced", forced)
	}
}

// A second replica does nothing until the first is gone, without a word or with one.
func TestOneReplicaAtATime(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	target := h.target()
	one, two := h.service(nil), h.service(nil)
	stopOne := h.follow(one, &target)
	h.shown(h.push("full", "1.0.0", "a: 1\n"))
	leader := must(one.Leader(ctx))(t)
	h.follow(two, &target)
	h.shown(h.push("full", "2.0.0", "a: 2\n"))
	if now := must(two.Leader(ctx))(t); now != leader {
		t.Errorf("%s leads and not %s", now, leader)
	}
	stopOne()
	h.shown(h.push("full", "3.0.0", "a: 3\n"))
	if now := must(two.Leader(ctx))(t); now == leader || now == "" {
		t.Errorf("%q leads", now)
	}
	if n := h.asked("POST", "/oci/basic"); n != 1 {
		t.Errorf("%d entries were made", n)
	}
}

// Nothing synced for 26 hours is told; what Palette synced by itself counts.
func TestStaleIsTold(t *testing.T) {
	h := newHouse(t)
	target := h.target()
	h.follow(h.service(nil), &target)
	h.shown(h.push("full", "1.0.0", "a: 1\n"))
	stale := "has not synced this registry for more than 26 hours"
	h.palette.Fail(palettetest.Faults{SyncStops: 1, SyncDelay: time.Millisecond})
	h.push("full", "2.0.0", "a: 2\n")
	h.eventually("a sync failed", func() bool { return h.status().Sync.State == "failed" })
	if strings.Contains(h.log.String(), stale) {
		t.Error("told too early")
	}
	h.pass(27 * time.Hour)
	h.push("full", "3.0.0", "a: 2\n")
	h.eventually("it is told", func() bool { return strings.Contains(h.log.String(), stale) })
	h.palette.Fail(palettetest.Faults{})
	h.eventually("in sync again", func() bool { return h.status().Sync.State == "done" && h.status().Unshown == 0 })
	if n := strings.Count(h.log.String(), stale); n != 1 {
		t.Errorf("told %d times", n)
	}
	before := h.status().Sync.GoodAt
	h.pass(20 * time.Hour)
	asked := h.asked("POST", "/sync")
	finished := h.palette.Finished(h.status().UID)
	h.palette.Daily()
	h.eventually("Palette has synced by itself", func() bool { return h.palette.Finished(h.status().UID) > finished })
	// Something of another namespace wakes the follower, which has nothing to sync and reads the status.
	must(h.core.Publish(context.Background(), registry.Upload{Namespace: "other", Body: bytes.NewReader(packtest.PackZip("x", "1.0.0")), By: "alice"}))(t)
	h.eventually("Palette's own sync is noticed", func() bool { return h.status().Sync.GoodAt.Sub(before) >= 19*time.Hour })
	if n := h.asked("POST", "/sync"); n != asked {
		t.Errorf("%d syncs were asked for", n-asked)
	}
}

// A clock of Palette's that is far ahead does not make the last good sync one of the future: nothing would be told for as long.
func TestClockAhead(t *testing.T) {
	h := newHouse(t)
	target := h.target()
	h.follow(h.service(nil), &target)
	h.shown(h.push("full", "1.0.0", "a: 1\n"))
	h.mu.Lock()
	h.wrong = 1000 * time.Hour
	h.mu.Unlock()
	finished := h.palette.Finished(h.status().UID)
	h.palette.Daily()
	h.eventually("Palette has synced by itself", func() bool { return h.palette.Finished(h.status().UID) > finished })
	h.pass(20 * time.Hour)
	read := h.asked("GET", "/sync/status")
	must(h.core.Publish(context.Background(), registry.Upload{Namespace: "other", Body: bytes.NewReader(packtest.PackZip("x", "1.0.0")), By: "alice"}))(t)
	h.eventually("the status is read", func() bool { return h.asked("GET", "/sync/status") > read })
	h.pass(27 * time.Hour)
	h.palette.Fail(palettetest.Faults{SyncStops: 1})
	h.push("full", "2.0.0", "a: 2\n")
	h.eventually("it is told", func() bool {
		return strings.Contains(h.log.String(), "has not synced this registry for more than 26 hours")
	})
	if good := h.status().Sync.GoodAt; good.After(h.now()) {
		t.Errorf("the last good sync is of %s", good)
	}
}
