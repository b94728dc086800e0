package palette_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
)

func TestRetries(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name   string
		faults palettetest.Faults
		kind   pack.Kind // "" is success
		asked  int
		waits  int
	}{
		{"429 and 5xx", palettetest.Faults{Answer: []int{429, 503, 500}}, "", 4, 3},
		{"a bounded number", palettetest.Faults{Answer: []int{502, 502, 502, 502, 502}}, pack.KindUnavailable, 4, 3},
		{"429 without end", palettetest.Faults{Answer: []int{429, 429, 429, 429}}, pack.KindBusy, 4, 3},
		{"as long as it asks", palettetest.Faults{Answer: []int{429}, RetryAfter: 7}, "", 2, 1},
		{"not for an hour", palettetest.Faults{Answer: []int{503}, RetryAfter: 3600}, pack.KindUnavailable, 1, 0},
		{"400", palettetest.Faults{Answer: []int{400}}, pack.KindInvalid, 1, 0},
		{"401", palettetest.Faults{Answer: []int{401}}, pack.KindUnauthorized, 1, 0},
		{"403", palettetest.Faults{Answer: []int{403}}, pack.KindForbidden, 1, 0},
		{"404", palettetest.Faults{Answer: []int{404}}, pack.KindNotFound, 1, 0},
		{"409", palettetest.Faults{Answer: []int{409}}, pack.KindConflict, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClock()
			p, s := fake(t, c)
			cl := client(t, s, c, nil)
			p.Fail(tc.faults)
			_, err := cl.List(ctx, palette.KindOCI)
			kind := pack.KindOf(err)
			if kind != tc.kind || len(p.Requests()) != tc.asked || len(c.long()) != tc.waits {
				t.Errorf("%v after %d requests and the waits %v", err, len(p.Requests()), c.long())
			}
			if a := tc.faults.RetryAfter; a > 0 && tc.kind == "" && c.long()[0] != time.Duration(a)*time.Second {
				t.Errorf("waited %v", c.long())
			}
			for i, d := range c.long() {
				if d > 30*time.Second || (tc.faults.RetryAfter == 0 && d > time.Second<<i) {
					t.Errorf("wait %d was %v", i, d)
				}
			}
		})
	}
}

func TestSilence(t *testing.T) {
	c := newClock()
	p, s := fake(t, c)
	cl := client(t, s, c, func(o *palette.Options) { o.Timeout, o.Attempts = time.Second, 2 })
	if _, err := cl.List(context.Background(), palette.KindOCI); err != nil { // makes the connection
		t.Fatal(err)
	}
	p.Fail(palettetest.Faults{Silent: 2})
	_, err := cl.List(context.Background(), palette.KindOCI)
	if !pack.IsKind(err, pack.KindUnavailable) || !strings.Contains(err.Error(), "did not answer in time") || len(p.Requests()) != 3 {
		t.Errorf("%v after %d requests", err, len(p.Requests()))
	}
}

func TestCancelled(t *testing.T) {
	c := newClock()
	p, s := fake(t, c)
	ctx, stop := context.WithCancel(context.Background())
	c.wake = func(int) { stop() }
	p.Fail(palettetest.Faults{Answer: []int{503, 503}})
	_, err := client(t, s, c, nil).List(ctx, palette.KindOCI)
	if !errors.Is(err, context.Canceled) || len(p.Requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(p.Requests()))
	}
}

func TestAnswersThatAreNotPalettes(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"html":      func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"bad json":  jsonAnswer(200, `{"items":[`),
		"a string":  jsonAnswer(200, `{"items":"x"}`),
		"plain 404": http.NotFound,
		"no end":    jsonAnswer(200, `{"items":[{"metadata":{"name":"x"}}],"listmeta":{"continue":"same"}}`),
		"bare 418":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) },
	} {
		c := newClock()
		s := serve(t, h, nil)
		_, err := client(t, s, c, nil).List(context.Background(), palette.KindPack)
		if kind := pack.KindOf(err); kind != pack.KindInvalid && kind != pack.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := serve(t, jsonAnswer(201, `{}`), nil)
	if uid, err := client(t, s, newClock(), nil).Create(context.Background(), entry(palette.KindOCI, "x"), true); err == nil {
		t.Errorf("made %q", uid)
	}
}

func jsonAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}
