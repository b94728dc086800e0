package api

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"packregistry/internal/api/gen"
)

// at is consumer to lag as who sees it, with ! for one whose cursor is gone.
func (h *house) consumers(who string) map[string]int {
	h.t.Helper()
	out := map[string]int{}
	for _, c := range decode[struct{ Consumers []gen.SyncConsumer }](h.t, h.as(who, "GET", "/api/v1/sync/consumers", nil).want(h.t, 200)).Consumers {
		if c.LagChanges != len(c.Lacks) || c.FirstAt.After(c.SeenAt) || (c.LagChanges > 0) != (c.LagSeconds > 0) {
			h.t.Errorf("%+v", c)
		}
		out[c.Account+"/"+c.Consumer+"/"+c.Namespace] = c.LagChanges
	}
	return out
}

func TestConsumers(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Anonymous = AnonymousPull })
	want := func(who string, want map[string]int) {
		t.Helper()
		got := h.consumers(who)
		if len(got) != len(want) {
			t.Errorf("%s sees %v, want %v", who, got, want)
		}
		for k, n := range want {
			if lag, there := got[k]; !there || lag != n {
				t.Errorf("%s sees %v, want %v", who, got, want)
			}
		}
	}
	type changes struct{ Cursor string }
	read := func(who, query string) string {
		t.Helper()
		return decode[changes](t, h.as(who, "GET", "/api/v1/sync/changes?"+query, nil).want(t, 200)).Cursor
	}
	want("admin", nil)
	h.push(small("one", "1.0.0"), "")
	first := read("reader", "since=now")
	h.push(small("one", "2.0.0"), "")
	h.push(small("one", "1.0.0"), "?namespace=other")
	want("reader", map[string]int{"reader//default": 1})
	// The answer to a question is not known to have come; the next question says so.
	next := read("reader", "since="+first)
	want("reader", map[string]int{"reader//default": 1})
	read("reader", "since="+next)
	want("reader", map[string]int{"reader//default": 0})
	// Names and namespaces tell consumers of an account apart; all are seen by an administrator, their own by others.
	read("reader", "consumer=dc-2&namespace=*")
	read("publisher", "since="+first+"&namespace=*")
	want("reader", map[string]int{"reader//default": 0, "reader/dc-2/*": 3})
	want("publisher", map[string]int{"publisher//*": 2})
	all := map[string]int{"reader//default": 0, "reader/dc-2/*": 3, "publisher//*": 2}
	want("admin", all)
	// Whoever does not say who it is, is not noted, nor is a cursor that is not of this feed.
	ask(t, h.Server, "", "GET", "/api/v1/sync/changes?since="+first, nil).want(t, 200)
	h.as("reader", "GET", "/api/v1/sync/changes?consumer=dc-2&namespace=*&since=MS54", nil).want(t, 410)
	for _, bad := range []string{"-a", "a/b", "a%20b", strings.Repeat("a", 65)} {
		h.as("reader", "GET", "/api/v1/sync/changes?consumer="+bad, nil).want(t, 400, "consumer_invalid")
		h.as("reader", "GET", "/api/v1/sync/catalog?consumer="+bad, nil).want(t, 400, "consumer_invalid")
	}
	want("admin", all)

	// The catalogue sent to its end, or found unchanged, and a stream.
	a := h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*&consumer=dc-2", nil).want(t, 200)
	want("reader", map[string]int{"reader//default": 0, "reader/dc-2/*": 0})
	h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*&consumer=dc-3", nil, "If-None-Match", a.header.Get("ETag")).want(t, 304)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/api/v1/sync/events?consumer=live&since="+url.QueryEscape(first), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("reader", "pw")
	resp, err := h.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	seen := func(what string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), what) {
				return
			}
		}
		t.Fatalf("no %s: %v", what, lines.Err())
	}
	seen(`"2.0.0"`)
	h.push(small("one", "3.0.0"), "")
	seen(`"3.0.0"`)
	h.push(small("one", "4.0.0"), "")
	seen(`"4.0.0"`) // so that what came before it is noted
	if lag := h.consumers("reader")["reader/live/default"]; lag > 1 {
		t.Errorf("the stream lacks %d", lag)
	}
	if lag := h.consumers("reader")["reader/dc-3/*"]; lag != 2 {
		t.Errorf("dc-3 lacks %d", lag)
	}
}
