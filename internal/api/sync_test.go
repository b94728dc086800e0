package api

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"packregistry/internal/api/gen"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// catalogue reads sync/catalog and insists on the last line.
func catalogue(t *testing.T, a answer) (lines []pack.Version, cursor string) {
	t.Helper()
	for line := range strings.Lines(a.body) {
		if cursor != "" {
			t.Fatal("the cursor is not the last line")
		}
		var last struct{ Cursor string }
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatal(err)
		}
		if cursor = last.Cursor; cursor == "" {
			lines = append(lines, decode[pack.Version](t, answer{body: line}))
		}
	}
	if cursor == "" {
		t.Fatalf("no cursor: %s", a.body)
	}
	return lines, cursor
}

func TestCatalogue(t *testing.T) {
	h := newHouse(t, nil)
	lines, start := catalogue(t, h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*", nil).want(t, 200))
	if len(lines) != 0 {
		t.Errorf("an empty catalogue has %d lines", len(lines))
	}
	h.push(small("alpha", "1.0.0"), "")
	h.push(small("beta", "1.0.0"), "?namespace=prod")
	h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/stable", []byte(`{"version":"1.0.0"}`)).want(t, 200)

	got := h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*", nil).want(t, 200)
	lines, cursor := catalogue(t, got)
	if len(lines) != 2 || lines[0].Name != "alpha" || len(lines[0].Tags) != 1 || lines[0].Manifest != nil || cursor == start {
		t.Errorf("lines %+v, cursor %s after %s", lines, cursor, start)
	}
	tag := got.header.Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) || got.header.Get("Content-Type") != "application/jsonl" {
		t.Errorf("headers %v", got.header)
	}
	unchanged := h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*", nil, "If-None-Match", tag).want(t, 304)
	for _, name := range []string{"Content-Security-Policy", "X-Frame-Options"} { // of a page, which a 304 is not
		if unchanged.header.Get(name) != "" {
			t.Errorf("304 with %s", name)
		}
	}
	h.as("reader", "GET", "/api/v1/sync/catalog?namespace=prod", nil, "If-None-Match", tag).want(t, 200)
	if head := h.as("reader", "HEAD", "/api/v1/sync/catalog?namespace=*", nil).want(t, 200); head.header.Get("ETag") != tag {
		t.Errorf("HEAD %v", head.header)
	}
	h.as("publisher", "DELETE", "/api/v1/packs/alpha", nil).want(t, 204)
	h.as("reader", "GET", "/api/v1/sync/catalog?namespace=*", nil, "If-None-Match", tag).want(t, 200)
	h.as("reader", "GET", "/api/v1/sync/catalog?namespace=NO", nil).want(t, 400)
}

// The catalogue is the same in every coding, and where it cannot be written down.
func TestCatalogueCodings(t *testing.T) {
	h := newHouse(t, nil)
	for i := range 30 {
		h.push(small(fmt.Sprintf("p%02d", i), "1.0.0"), "")
	}
	get := func(coding string) answer {
		t.Helper()
		return h.as("reader", "GET", "/api/v1/sync/catalog", nil, "Accept-Encoding", coding).want(t, 200)
	}
	plain := get("identity")
	if lines, _ := catalogue(t, plain); len(lines) != 30 || plain.header.Get("Content-Encoding") != "" {
		t.Fatalf("%d lines, %v", len(lines), plain.header)
	}
	for accept, want := range map[string]string{"gzip": "gzip", "gzip, zstd": "zstd", "zstd;q=0, *": "gzip", "br": ""} {
		got := get(accept)
		var r io.Reader = strings.NewReader(got.body)
		var err error
		switch want {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "zstd":
			r, err = zstd.NewReader(r)
		}
		if err != nil {
			t.Fatalf("%s: %v", accept, err)
		}
		text, err := io.ReadAll(r)
		if err != nil || string(text) != plain.body || got.header.Get("Content-Encoding") != want || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v, %d bytes, %v", accept, err, len(text), got.header)
		}
		if got.header.Get("ETag") != plain.header.Get("ETag") {
			t.Errorf("%s: another ETag", accept)
		}
	}
	if err := os.RemoveAll(h.cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	h.as("publisher", "PUT", "/api/v1/packs/p01/tags/stable", []byte(`{"version":"1.0.0"}`)).want(t, 200)
	lines, _ := catalogue(t, get("gzip;q=0"))
	if len(lines) != 30 || len(lines[1].Tags) != 1 {
		t.Errorf("after a change without a folder: %d lines, %v", len(lines), lines[1].Tags)
	}
	// A server that has written nothing down yet.
	s, err := newServer(Config{Registry: registry.New(h.cfg), Auth: fakeAuth{}})
	if err != nil {
		t.Fatal(err)
	}
	ts := newHTTP(t, s.observe(s.handle(s.getCatalog)))
	if lines, _ := catalogue(t, ask(t, ts, "", "GET", "/", nil).want(t, 200)); len(lines) != 30 {
		t.Errorf("streamed: %d lines", len(lines))
	}
}

// TestBrokenCatalogueIsSeen cuts the database off in the middle: a cancelled
// catalogue must not look like a whole one.
func TestBrokenCatalogueIsSeen(t *testing.T) {
	h := newHouse(t, nil)
	note := strings.Repeat("n", 3000)
	for i := range 60 {
		h.push(small(fmt.Sprintf("p%02d", i), "1.0.0"), "?force=true&message="+note)
	}
	broken := &breaking{after: 2, ResponseWriter: nil}
	s := h.api
	ts := newHTTP(t, s.observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		broken.ResponseWriter, broken.cancel = w, cancel
		s.handle(func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.streamCatalog(w, r, "*")
			return err
		})(broken, r.WithContext(ctx))
	})))
	res, err := ts.Client().Get(ts.URL + "?namespace=*")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil || strings.Contains(string(text), `{"cursor"`) {
		t.Errorf("%d bytes were read, error %v", len(text), err)
	}
}

// breaking cancels the request after some writes.
type breaking struct {
	http.ResponseWriter
	after  int
	cancel func()
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.after--; b.after == 0 {
		b.cancel()
	}
	return b.ResponseWriter.Write(p)
}

func TestChanges(t *testing.T) {
	h := newHouse(t, nil)
	changes := func(query string) gen.ChangeList {
		t.Helper()
		return decode[gen.ChangeList](t, h.as("reader", "GET", "/api/v1/sync/changes?namespace=*"+query, nil).want(t, 200))
	}
	start := changes("")
	h.push(small("alpha", "1.0.0"), "")
	h.push(small("beta", "1.0.0"), "")
	h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/stable", []byte(`{"version":"1.0.0"}`)).want(t, 200)
	since := "&since=" + url.QueryEscape(start.Cursor)
	one := changes(since + "&limit=1")
	rest := changes("&since=" + url.QueryEscape(one.Cursor))
	if len(one.Changes) != 1 || len(rest.Changes) != 2 || rest.Changes[1].Type != pack.TagSet || rest.Changes[0].By != "publisher" {
		t.Errorf("one %+v, rest %+v", one, rest)
	}
	end := changes("&since=" + url.QueryEscape(rest.Cursor))
	if len(end.Changes) != 0 || end.Cursor != rest.Cursor || end.Changes == nil {
		t.Errorf("end %+v", end)
	}
	for _, bad := range []string{"limit=0", "limit=10001", "wait=61", "wait=-1", "wait=soon", "since=nonsense"} {
		if got := h.as("reader", "GET", "/api/v1/sync/changes?"+bad, nil); got.status != 400 && got.status != 410 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	other := newHouse(t, nil)
	other.push(small("alpha", "1.0.0"), "")
	other.as("reader", "GET", "/api/v1/sync/changes?since="+url.QueryEscape(rest.Cursor), nil).want(t, 410, "cursor_gone")
}

// TestChangesFromNow begins at the head: of an empty feed, and of one that has changes.
func TestChangesFromNow(t *testing.T) {
	h := newHouse(t, nil)
	changes := func(since string) gen.ChangeList {
		t.Helper()
		return decode[gen.ChangeList](t, h.as("reader", "GET", "/api/v1/sync/changes?since="+url.QueryEscape(since), nil).want(t, 200))
	}
	empty := changes("now")
	h.push(small("alpha", "1.0.0"), "")
	h.push(small("beta", "1.0.0"), "")
	head := changes("now")
	if len(empty.Changes) != 0 || len(head.Changes) != 0 {
		t.Errorf("from now there are %+v and %+v", empty.Changes, head.Changes)
	}
	if all := changes(empty.Cursor); len(all.Changes) != 2 || all.Cursor != head.Cursor {
		t.Errorf("since the empty feed %+v, the head was %s", all, head.Cursor)
	}
	h.push(small("gamma", "1.0.0"), "")
	if last := changes(head.Cursor); len(last.Changes) != 1 || last.Changes[0].Name != "gamma" {
		t.Errorf("since the head %+v", last)
	}
}

// TestWaitIsWoken holds an answer until a push.
func TestWaitIsWoken(t *testing.T) {
	h := newHouse(t, nil)
	got := make(chan answer)
	cursor := decode[gen.ChangeList](t, h.as("reader", "GET", "/api/v1/sync/changes", nil)).Cursor
	go func() {
		got <- h.as("reader", "GET", "/api/v1/sync/changes?wait=60&since="+url.QueryEscape(cursor), nil)
	}()
	for h.core.Counts().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	h.push(small("alpha", "1.0.0"), "")
	if list := decode[gen.ChangeList](t, (<-got).want(t, 200)); len(list.Changes) != 1 {
		t.Errorf("woken with %+v", list)
	}
}

// TestDrainingEndsWaiting: neither a long poll nor a stream holds a shutdown up.
func TestDrainingEndsWaiting(t *testing.T) {
	var draining atomic.Bool
	h := newHouse(t, func(c *Config) { c.Draining = draining.Load })
	h.as("", "GET", "/ready", nil).want(t, 200, `"ready":true`, `"name":"database"`, `"name":"server"`)
	cursor := decode[gen.ChangeList](t, h.as("reader", "GET", "/api/v1/sync/changes", nil)).Cursor
	poll, stream := make(chan answer), make(chan answer)
	go func() {
		poll <- h.as("reader", "GET", "/api/v1/sync/changes?wait=60&since="+url.QueryEscape(cursor), nil)
	}()
	go func() { stream <- h.as("reader", "GET", "/api/v1/sync/events", nil) }()
	for h.core.Counts().Waiting < 2 {
		time.Sleep(time.Millisecond)
	}
	draining.Store(true)
	if list := decode[gen.ChangeList](t, (<-poll).want(t, 200)); list.Cursor != cursor || len(list.Changes) != 0 {
		t.Errorf("drained poll %+v", list)
	}
	(<-stream).want(t, 200)
	h.as("", "GET", "/ready", nil).want(t, 503, "shutting down")
	h.as("", "GET", "/health", nil).want(t, 200, `{"status":"UP"}`)
}

// TestEvents reads the stream, goes away, and comes back with the last id.
func TestEvents(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	open := func(id, query string) (*bufio.Scanner, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		req, err := http.NewRequestWithContext(ctx, "GET", h.URL+"/api/v1/sync/events?namespace=*"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("reader", "pw")
		if id != "" {
			req.Header.Set("Last-Event-ID", id)
		}
		res, err := h.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
			t.Fatalf("%d %s", res.StatusCode, ct)
		}
		return bufio.NewScanner(res.Body), func() { cancel(); res.Body.Close() }
	}
	next := func(s *bufio.Scanner) (id, event string, c pack.Change) {
		t.Helper()
		for s.Scan() {
			key, text, _ := strings.Cut(s.Text(), ": ")
			switch key {
			case "id":
				id = text
			case "event":
				event = text
			case "data":
				c = decode[pack.Change](t, answer{body: text})
				return id, event, c
			}
		}
		t.Fatalf("the stream ended: %v", s.Err())
		return "", "", pack.Change{}
	}
	s, stop := open("", "")
	id, event, c := next(s)
	if event != "version.pushed" || c.Name != "alpha" || id != c.Cursor {
		t.Errorf("%s %s %+v", id, event, c)
	}
	h.push(small("beta", "1.0.0"), "") // while the reader waits
	if _, _, c := next(s); c.Name != "beta" {
		t.Errorf("live event %+v", c)
	}
	stop()
	s, stop = open(id, "")
	defer stop()
	if _, _, c := next(s); c.Name != "beta" {
		t.Errorf("after %s came %+v", id, c)
	}
	fresh, end := open("", "&since=now") // it is answered when the server knows where now is
	defer end()
	h.push(small("gamma", "1.0.0"), "")
	if _, _, c := next(fresh); c.Name != "gamma" {
		t.Errorf("from now came %+v", c)
	}
	h.as("reader", "GET", "/api/v1/sync/events?since=nonsense", nil).want(t, h.as("reader", "GET", "/api/v1/sync/changes?since=nonsense", nil).status)
}
