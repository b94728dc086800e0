package palette_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/palette"

	"github.com/google/go-cmp/cmp"
)

func TestStateOf(t *testing.T) {
	for word, want := range map[string]palette.State{
		"Success": "done", "completed": "done", "COMPLETED": "done", "Failed": "failed", "error": "failed", "InProgress": "running", "inprogress": "running",
		"Running": "running", "syncing": "running", "Pending": "waiting", "Unknown": "waiting", "": "waiting", "Interrupted": "waiting",
	} {
		if got := palette.StateOf(word); got != want {
			t.Errorf("%q is %s", word, got)
		}
	}
}

// played is a Palette whose sync goes as it is told: each look at the status is the next of the list, the last one stays.
type played struct {
	mu       sync.Mutex
	statuses []string
	looks    int
	triggers []string // their queries, with the number of looks before
}

func (p *played) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodPost {
		p.triggers = append(p.triggers, fmt.Sprint(p.looks, " ", r.URL.RawQuery))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	at := min(p.looks, len(p.statuses)-1)
	p.looks++
	jsonAnswer(200, p.statuses[at])(w, r)
}

// status is one at hours before the tests' clock began.
func status(word string, hours float64) string {
	at := newClock().at.Add(-time.Duration(hours * float64(time.Hour))).Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"status":%q,"lastRunTime":%q,"isSyncSupported":true}`, word, at)
}

func TestRun(t *testing.T) {
	const once = "forceSync=false"
	for name, tc := range map[string]struct {
		statuses []string
		want     palette.State
		looks    int
		triggers []string
	}{
		"the status of before stays a while": {[]string{status("Completed", 5), status("Completed", 5), status("InProgress", 0), status("Completed", 0)}, "done", 4, []string{"1 " + once}},
		"never synced":                       {[]string{`{}`, `{"status":"Pending"}`, status("InProgress", 0), status("Success", 0)}, "done", 4, []string{"1 " + once}},
		"too fast to be seen":                {[]string{status("Completed", 5), status("Completed", 0)}, "done", 2, []string{"1 " + once}},
		"failed":                             {[]string{status("Completed", 5), status("InProgress", 0), status("Failed", 0)}, "failed", 3, []string{"1 " + once}},
		"failed before":                      {[]string{status("Failed", 5), status("Failed", 5), status("InProgress", 0), status("Completed", 0)}, "done", 4, []string{"1 " + once}},
		"one under way is waited for":        {[]string{status("InProgress", 0.1), status("InProgress", 0.1), status("Completed", 0.1), status("InProgress", 0), status("Completed", 0)}, "done", 5, []string{"3 " + once}},
		"one that hangs is forced":           {[]string{status("InProgress", 1.5), status("InProgress", 0), status("Completed", 0)}, "done", 3, []string{"1 forceSync=true"}},
		"forced once though it shows on":     {[]string{status("InProgress", 1.5), status("InProgress", 1.5), status("InProgress", 1.5), status("InProgress", 0), status("Completed", 0)}, "done", 5, []string{"1 forceSync=true"}},
		"times that never move":              {[]string{`{"status":"Completed"}`}, "done", 12, []string{"1 " + once}},
		"not synced by Palette":              {[]string{`{"status":"","isSyncSupported":false}`}, "done", 1, nil},
		"hung after the trigger":             {[]string{status("Completed", 5), status("InProgress", 2), status("InProgress", 0), status("Completed", 0)}, "done", 4, []string{"1 " + once, "2 forceSync=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := &played{statuses: tc.statuses}, newClock()
			cl := client(t, serve(t, p, nil), c, nil)
			got := must(cl.Run(context.Background(), palette.KindOCI, "u", time.Second))(t)
			if got.State != tc.want || p.looks != tc.looks {
				t.Errorf("%+v after %d looks", got, p.looks)
			}
			if d := cmp.Diff(tc.triggers, p.triggers); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	c := newClock()
	c.wake = func(n int) {
		if n == 20 {
			stop()
		}
	}
	cl := client(t, serve(t, &played{statuses: []string{status("Completed", 1), status("InProgress", 0)}}, nil), c, nil)
	if _, err := cl.Run(ctx, palette.KindOCI, "u", time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSyncAgainstTheFake has the fake read a registry without packs, and with one.
func TestSyncAgainstTheFake(t *testing.T) {
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	cl := client(t, s, c, nil)
	reg := emptyRegistry(t)
	e := entry(palette.KindOCI, "mine")
	e.Endpoint, e.Auth.Certificate = reg.URL, string(certificate(reg))
	if err := cl.Validate(ctx, e); err != nil {
		t.Fatal(err)
	}
	e.UID = must(cl.Create(ctx, e, true))(t)
	if st := must(cl.SyncStatus(ctx, e.Kind, e.UID))(t); st.State != palette.StateWaiting || !st.LastRun.IsZero() {
		t.Errorf("before: %+v", st)
	}
	// The walk takes real time while this clock moves by waiting alone, so the loop gives way.
	c.wake = func(int) { time.Sleep(2 * time.Millisecond) }
	st := must(cl.Run(ctx, e.Kind, e.UID, time.Second))(t)
	if st.State != palette.StateDone || st.LastSynced.IsZero() || p.Finished(e.UID) != 1 {
		t.Errorf("%+v after %d runs", st, p.Finished(e.UID))
	}
	if _, err := cl.Pack(ctx, e.UID, "none"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("%v", err)
	}
	e.Auth.Password = "wrong"
	if err := cl.Update(ctx, e); err != nil {
		t.Fatal(err)
	}
	if st := must(cl.Run(ctx, e.Kind, e.UID, time.Second))(t); st.State != palette.StateFailed || !strings.Contains(st.Message, "401") {
		t.Errorf("%+v", st)
	}
	if l := must(cl.List(ctx, e.Kind))(t); l[0].Sync.State != palette.StateFailed || l[0].Type != "basic" || l[0].Provider != "pack" {
		t.Errorf("%+v", l)
	}
}

func emptyRegistry(t *testing.T) *httptest.Server {
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pw, _ := r.BasicAuth(); pw != reader {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		jsonAnswer(200, `{"repositories":[]}`)(w, r)
	}), nil)
}

func TestVisible(t *testing.T) {
	body, _ := json.Marshal(map[string]any{
		"name": "p", "displayName": "P", "layer": "addon", "registryUid": "u",
		"tags": []any{
			map[string]any{"tag": "LTS__1.0", "version": "1.0", "group": "LTS", "packUid": "a", "parentTags": []string{"LTS__1.x"}},
			map[string]any{"tag": "1.1", "version": "1.1", "packUid": "b"},
		},
		"packValues": []any{map[string]any{"packUid": "b", "values": " \n"}, map[string]any{"packUid": "a", "values": "x: 1"}},
	})
	var path string
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		jsonAnswer(200, string(body))(w, r)
	}), nil)
	p := must(client(t, s, newClock(), nil).Pack(context.Background(), "u", "p"))(t)
	if path != "/v1/packs/p/registries/u" {
		t.Error(path)
	}
	want := []palette.PackVersion{
		{Version: "1.0", Tag: "LTS__1.0", Group: "LTS", UID: "a", ParentTags: []string{"LTS__1.x"}, Values: "x: 1"},
		{Version: "1.1", Tag: "1.1", UID: "b", Values: " \n"},
	}
	if d := cmp.Diff(want, p.Versions); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		version     string
		empty, want bool
	}{{"1.0", false, true}, {"1.1", false, false}, {"1.1", true, true}, {"1.2", true, false}} {
		if p.Visible(c.version, c.empty) != c.want {
			t.Errorf("%+v", c)
		}
	}
}
