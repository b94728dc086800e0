package connect_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"packregistry/internal/auth"
	"packregistry/internal/connect"
	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
)

// account is Palette's; nil for none.
func (h *house) account() *db.Account {
	for _, a := range must(h.db.ListAccounts(context.Background()))(h.t) {
		if a.Name == "palette-mine" {
			return &a
		}
	}
	return nil
}

func TestEnsure(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	s := h.service(nil)
	full, hollow := h.push("full", "1.0.0", "a: 1\n"), h.push("hollow", "1.0.0", " \n")
	ensure := func(want connect.Action) *connect.Ensured {
		t.Helper()
		e := must(s.Ensure(ctx, h.target()))(t)
		if e.Action != want {
			t.Fatalf("%s, want %s", e.Action, want)
		}
		return e
	}
	e := ensure(connect.Created)
	a := h.account()
	if a == nil || a.Role != "reader" || e.Connection.UID == "" || e.Connection.Account != a.Name {
		t.Fatalf("%+v, account %+v", e, a)
	}
	st := must(s.Sync(ctx, "mine"))(t)
	if st.Sync.State != "done" || st.Shown != 2 || st.Unshown != 0 || st.LagChanges != 0 || len(st.Lacks) != 0 {
		t.Errorf("%+v", st)
	}
	h.shown(full)
	h.shown(hollow) // its values are empty, and so are the pack's

	// Again: nothing is changed, neither there nor here.
	before := h.asked("PUT", "/basic") + h.asked("POST", "/basic")
	again := ensure(connect.Unchanged)
	if again.Connection != *must(s.Connection(ctx, "mine"))(t) || *h.account() != *a || h.asked("PUT", "/basic")+h.asked("POST", "/basic") != before {
		t.Errorf("the second run changed something: %+v", again)
	}

	// A password that no longer works is made anew, and only then.
	changed := *a
	changed.Hash = must(auth.HashPassword("another", auth.MinCost))(t)
	ok(t, h.db.PutAccount(ctx, changed))
	ensure(connect.Updated)
	ok(t, h.db.DeleteAccount(ctx, a.Name))
	h.eventually("Palette is no longer let in", func() bool { // a login that held is believed for a second
		_, err := s.Sync(ctx, "mine")
		return pack.IsKind(err, pack.KindUnavailable) && strings.Contains(err.Error(), "401")
	})
	ensure(connect.Updated)
	if st := must(s.Sync(ctx, "mine"))(t); st.Sync.Problem != "" || st.Shown != 2 {
		t.Errorf("%+v", st)
	}
	// Another namespace is another content: what was shown does not count.
	other := h.target()
	other.Namespace = "other"
	if e := must(s.Ensure(ctx, other))(t); e.Action != connect.Updated || e.Connection.Sync != (db.ConnectionSync{}) {
		t.Errorf("%+v", e)
	}
	if n := len(must(h.db.ShownIn(ctx, "default", "full", "1.0.0", 1))(t)); n != 0 {
		t.Errorf("full is shown in %d", n)
	}

	ok(t, s.Disconnect(ctx, "mine", false))
	if h.account() != nil || h.status().Name != "" || h.asked("DELETE", "/basic") != 1 {
		t.Errorf("after disconnect: %+v, %+v", h.account(), h.status())
	}
	if err := s.Disconnect(ctx, "mine", false); !pack.IsKind(err, pack.KindNotFound) {
		t.Error(err)
	}
}

// The legacy kind: Palette is known to read names, so nothing is said of versions.
func TestLegacyKind(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	s := h.service(nil)
	h.push("full", "1.0.0", "a: 1\n")
	target := h.target()
	target.Kind = palette.KindPack
	for _, want := range []connect.Action{connect.Created, connect.Unchanged} {
		if e := must(s.Ensure(ctx, target))(t); e.Action != want || e.Connection.Kind != "pack" {
			t.Errorf("%+v", e)
		}
	}
	if st := must(s.Sync(ctx, "mine"))(t); st.Sync.State != "done" || st.Shown != 0 || st.Unshown != 1 || st.Lacks[0].Name != "full" {
		t.Errorf("%+v", st)
	}
	if _, err := s.Ensure(ctx, h.target()); !pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), "disconnect it first") {
		t.Errorf("another kind: %v", err)
	}
	ok(t, s.Disconnect(ctx, "mine", true))
	if h.asked("DELETE", h.status().UID) != 0 || h.account() != nil {
		t.Error("forgetting asked Palette, or left the account")
	}
}

// What cannot be ended is taken back, and the next run succeeds.
func TestEnsureTakesBack(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	s := h.service(nil)
	none := func(what string) {
		t.Helper()
		if h.account() != nil || h.status().Name != "" {
			t.Errorf("%s: account %+v, connection %+v", what, h.account(), h.status())
		}
	}
	fails := func(what string, kind pack.Kind, part string) {
		t.Helper()
		if _, err := s.Ensure(ctx, h.target()); !pack.IsKind(err, kind) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.unready = []string{"certificate: it is not for this name -> mend it"}
	fails("not ready", pack.KindUnavailable, "certificate: it is not for this name -> mend it")
	none("not ready")
	if len(h.palette.Requests()) != 0 {
		t.Error("Palette was asked about an address that is not ready")
	}
	h.unready = nil
	list, validate, create := 0, 1, 2
	for _, f := range []struct {
		at     int
		status int
		kind   pack.Kind
	}{
		{list, 401, pack.KindUnauthorized},
		{list, 429, pack.KindBusy},
		{list, 503, pack.KindUnavailable},
		{validate, 403, pack.KindForbidden},
		{create, 503, pack.KindUnavailable},
		{create, 409, pack.KindConflict},
	} {
		answers := make([]int, f.at+1) // 0 is as usual
		answers[f.at] = f.status
		h.palette.Fail(palettetest.Faults{Answer: answers})
		if _, err := s.Ensure(ctx, h.target()); !pack.IsKind(err, f.kind) {
			t.Errorf("%+v: %v", f, err)
		}
		none("failed")
	}
	// An answer that is lost: the entry is there, with a password that was taken back. The next run mends it.
	h.palette.Fail(palettetest.Faults{Answer: make([]int, create), Lose: 1})
	fails("lost", pack.KindUnavailable, "502")
	none("lost")
	if e := must(s.Ensure(ctx, h.target()))(t); e.Action != connect.Updated {
		t.Errorf("%+v", e)
	}
	if st := must(s.Sync(ctx, "mine"))(t); st.Sync.State != "done" {
		t.Errorf("%+v", st)
	}
}

func TestEnsureTouchesNobodyElse(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	s := h.service(nil)
	conflict := func(err error, part string) {
		t.Helper()
		if !pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %s", err, part)
		}
	}
	// An entry of the name that leads to another registry.
	client := must(palette.New(palette.Options{URL: h.at.URL, CA: certificate(h.at), Login: palette.Login{APIKey: apiKey}, Now: h.now}))(t)
	defer client.Close()
	theirs := &palette.Entry{Kind: palette.KindOCI, Name: "mine", Endpoint: "https://other.example.com", BaseContentPath: "default", Auth: palette.Auth{Username: "u", Password: "p"}}
	theirs.UID = must(client.Create(ctx, theirs, true))(t)
	_, err := s.Ensure(ctx, h.target())
	conflict(err, "at https://other.example.com")
	// One that leads here was made by hand: it is taken over.
	theirs.Endpoint = h.reg.URL
	ok(t, client.Update(ctx, theirs))
	if e := must(s.Ensure(ctx, h.target()))(t); e.Action != connect.Updated || e.Connection.UID != theirs.UID {
		t.Errorf("%+v", e)
	}
	// A connection to another Palette.
	second := palettetest.New(palettetest.Options{APIKey: apiKey})
	at := serve(t, second)
	defer at.Close()
	elsewhere := h.service(func(o *palette.Options) { o.URL, o.CA = at.URL, certificate(at) })
	_, err = elsewhere.Ensure(ctx, h.target())
	conflict(err, "is to the Palette at "+h.at.URL)
	conflict(elsewhere.Disconnect(ctx, "mine", false), "is to the Palette at")
	// An account of somebody else's.
	ok(t, h.db.PutAccount(ctx, db.Account{Name: "palette-second", Hash: "h", Role: "reader"}))
	target := h.target()
	target.Name = "second"
	_, err = s.Ensure(ctx, target)
	conflict(err, "the account palette-second was made by somebody else")
	// A Palette that is not configured can still be told of.
	none := connect.New(connect.Config{Store: h.db, Packs: h.core, Now: h.now})
	if list := must(none.Statuses(ctx))(t); len(list) != 1 || list[0].Name != "mine" {
		t.Errorf("%+v", list)
	}
	if _, err := none.Sync(ctx, "mine"); !pack.IsKind(err, pack.KindInvalid) {
		t.Error(err)
	}
}

// Two replicas that make the entry at once make one, with one password that works.
func TestEnsureAtOnce(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	errs := make(chan error, 2)
	for range 2 {
		s := h.service(nil)
		go func() { _, err := s.Ensure(ctx, h.target()); errs <- err }()
	}
	ok(t, errors.Join(<-errs, <-errs))
	if h.asked(http.MethodPost, "/oci/basic") != 1 || h.asked(http.MethodPut, "/basic") != 0 {
		t.Errorf("%d entries were made", h.asked(http.MethodPost, "/oci/basic"))
	}
	must(h.service(nil).Sync(ctx, "mine"))(t)
}
