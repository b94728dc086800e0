package palette_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"

	"github.com/google/go-cmp/cmp"
)

func TestEntries(t *testing.T) {
	for _, kind := range []palette.Kind{palette.KindOCI, palette.KindPack} {
		t.Run(string(kind), func(t *testing.T) {
			ctx, c := context.Background(), newClock()
			p, s := fake(t, c)
			cl := client(t, s, c, nil)
			if _, err := cl.Find(ctx, kind, "mine"); !pack.IsKind(err, pack.KindNotFound) {
				t.Fatalf("before: %v", err)
			}
			e := entry(kind, "mine")
			e.Annotations = map[string]string{"by": "test"}
			e.UID = must(cl.Create(ctx, e, true))(t)
			got := must(cl.Find(ctx, kind, "mine"))(t)
			want := *e
			want.Scope, want.Auth.Password, want.Sync = "tenant", "********", palette.SyncStatus{State: palette.StateWaiting}
			if d := cmp.Diff(&want, got); d != "" {
				t.Fatalf("want, got:\n%s", d)
			}
			if _, err := cl.Create(ctx, e, true); !pack.IsKind(err, pack.KindConflict) {
				t.Errorf("made twice: %v", err)
			}
			e.Endpoint, e.Auth.InsecureSkipVerify = "https://127.0.0.1:2/", true
			if err := cl.Update(ctx, e); err != nil {
				t.Fatal(err)
			}
			if got := must(cl.Read(ctx, kind, e.UID))(t); got.Endpoint != e.Endpoint || !got.Auth.InsecureSkipVerify || got.Annotations["by"] != "test" {
				t.Errorf("after the update: %+v", got)
			}
			err := cl.Validate(ctx, e)
			var said *palette.Refusal
			if !pack.IsKind(err, pack.KindInvalid) || !errors.As(err, &said) || said.Code != "RegistryNotValid" || said.Ref == "" || !strings.Contains(err.Error(), "refused to validate") {
				t.Errorf("validate where nobody listens: %v", err)
			}
			if err := cl.Delete(ctx, kind, e.UID); err != nil {
				t.Fatal(err)
			}
			if err := cl.Delete(ctx, kind, e.UID); !pack.IsKind(err, pack.KindNotFound) {
				t.Errorf("deleted twice: %v", err)
			}
			if _, err := cl.SyncStatus(ctx, kind, e.UID); !pack.IsKind(err, pack.KindNotFound) {
				t.Errorf("status of none: %v", err)
			}
			if n := len(c.long()); n != 0 {
				t.Errorf("%d waits beside the pace; nothing here is worth a second attempt", n)
			}
			p.Fail(palettetest.Faults{Lose: 1})
			e.UID = must(cl.Create(ctx, e, true))(t)
			if all := must(cl.List(ctx, kind))(t); len(all) != 1 || all[0].UID != e.UID {
				t.Errorf("after a create whose answer was lost there are %+v", all)
			}
			p.Fail(palettetest.Faults{Lose: 1})
			if err := cl.Delete(ctx, kind, e.UID); err != nil {
				t.Errorf("a delete whose answer was lost: %v", err)
			}
		})
	}
}

func TestCreateThatDidNotHappen(t *testing.T) {
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	cl := client(t, s, c, nil)
	p.Fail(palettetest.Faults{Answer: []int{500}}) // not carried out
	uid := must(cl.Create(ctx, entry(palette.KindOCI, "mine"), true))(t)
	if all := must(cl.List(ctx, palette.KindOCI))(t); len(all) != 1 || all[0].UID != uid {
		t.Errorf("%+v, not %s", all, uid)
	}
	if n := count(p, "POST", "/v1/registries/oci/basic"); n != 2 {
		t.Errorf("%d creates", n)
	}
}

func TestPages(t *testing.T) {
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	cl := client(t, s, c, nil)
	for i := range 101 {
		must(cl.Create(ctx, entry(palette.KindPack, fmt.Sprint("r", i)), true))(t)
	}
	before := count(p, "GET", "/v1/registries/pack/summary")
	all := must(cl.List(ctx, palette.KindPack))(t)
	if n := count(p, "GET", "/v1/registries/pack/summary") - before; len(all) != 101 || n != 3 || all[100].Name != "r100" {
		t.Errorf("%d entries in %d pages", len(all), n)
	}
	if e := must(cl.Find(ctx, palette.KindPack, "r77"))(t); e.Name != "r77" {
		t.Errorf("found %s", e.Name)
	}
	// The fake's clock is the client's: had it been asked faster than it takes, it would have answered 429.
	if n := len(c.long()); n != 0 {
		t.Errorf("%d requests were too fast", n)
	}
}

func TestFindTellsOthersApart(t *testing.T) {
	ctx, c := context.Background(), newClock()
	_, s := fake(t, c)
	system := client(t, s, c, func(o *palette.Options) { o.Login = palette.Login{User: "admin", Password: password, System: true} })
	tenant := client(t, s, c, nil)
	uid := must(system.Create(ctx, entry(palette.KindOCI, "mine"), true))(t)
	if _, err := tenant.Find(ctx, palette.KindOCI, "mine"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("a tenant takes the system's entry for its own: %v", err)
	}
	if e := must(system.Find(ctx, palette.KindOCI, "mine"))(t); e.UID != uid || e.Scope != "system" {
		t.Errorf("%+v", e)
	}
	if err := tenant.Delete(ctx, palette.KindOCI, uid); !pack.IsKind(err, pack.KindForbidden) || !strings.Contains(err.Error(), "tenant administrator") {
		t.Errorf("a tenant deletes the system's: %v", err)
	}
}

func TestEntriesThatMakeNoSense(t *testing.T) {
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	cl := client(t, s, c, nil)
	for name, change := range map[string]func(*palette.Entry){
		"kind":      func(e *palette.Entry) { e.Kind = "ecr" },
		"name":      func(e *palette.Entry) { e.Name = "" },
		"endpoint":  func(e *palette.Entry) { e.Endpoint = "" },
		"user":      func(e *palette.Entry) { e.Auth.Username = "" },
		"password":  func(e *palette.Entry) { e.Auth.Password = "" },
		"masked":    func(e *palette.Entry) { e.Auth.Password = "********" },
		"base path": func(e *palette.Entry) { e.BaseContentPath = "" },
	} {
		e := entry(palette.KindOCI, "mine")
		change(e)
		_, err := cl.Create(ctx, e, false)
		for _, err := range []error{err, cl.Update(ctx, e), cl.Validate(ctx, e)} {
			if !pack.IsKind(err, pack.KindInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := len(p.Requests()); n != 0 {
		t.Errorf("Palette was asked %d times", n)
	}
}
