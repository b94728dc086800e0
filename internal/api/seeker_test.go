package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// stub is content that remembers what was opened, and may go bad.
type stub struct {
	data   string
	opened [][2]int64
	fail   error // of Open
	end    error // instead of EOF at the end of the whole
	short  int   // bytes that are missing
}

func (s *stub) content() *registry.Content {
	return &registry.Content{
		Name: "p-1.zip", Digest: pack.Digest("sha256:" + strings.Repeat("ab", 32)), Size: int64(len(s.data)), MediaType: "application/zip",
		Open: func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
			s.opened = append(s.opened, [2]int64{offset, length})
			if s.fail != nil {
				return nil, s.fail
			}
			data := s.data[offset : len(s.data)-s.short]
			if length >= 0 {
				return io.NopCloser(strings.NewReader(data[:min(int(length), len(data))])), nil
			}
			if s.end != nil {
				return io.NopCloser(io.MultiReader(strings.NewReader(data), &errorReader{s.end})), nil
			}
			return io.NopCloser(strings.NewReader(data)), nil
		},
	}
}

type errorReader struct{ err error }

func (r *errorReader) Read([]byte) (int, error) { return 0, r.err }

// serve sends a stub over a real connection.
func serve(t *testing.T, st *stub) *httptest.Server {
	t.Helper()
	s := bare(t, nil)
	ts := httptest.NewServer(s.observe(s.handle(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/zip")
		return s.serveContent(w, r, st.content(), true)
	})))
	t.Cleanup(ts.Close)
	return ts
}

func TestRangesOpenOnlyWhatIsAsked(t *testing.T) {
	data := strings.Repeat("0123456789", 100)
	for _, c := range []struct {
		header string
		opened [][2]int64
		status int
		body   string
	}{
		{"", [][2]int64{{0, -1}}, 200, data},
		{"bytes=10-19", [][2]int64{{10, 10}}, 206, data[10:20]},
		{"bytes=990-", [][2]int64{{990, -1}}, 206, data[990:]},
		{"bytes=-5", [][2]int64{{995, -1}}, 206, data[995:]},
		{"bytes=0-99999", [][2]int64{{0, -1}}, 206, data},
		{"bytes=5000-", nil, 416, "range_not_satisfiable"},
		{"bytes=-0", nil, 416, "range_not_satisfiable"}, // RFC 9110 14.1.2
		{"bytes= -000, 2000-", nil, 416, "range_not_satisfiable"},
		{"bytes=-0,10-19", [][2]int64{{10, 10}}, 206, data[10:20]},
		{"bytes=-", nil, 416, "range_not_satisfiable"},
		{"bytes=" + strings.Repeat("0-0,", 20) + "1-1", [][2]int64{{0, -1}}, 200, data},
		{"lines=1-2", [][2]int64{{0, -1}}, 200, data},
	} {
		st := &stub{data: data}
		var headers []string
		if c.header != "" {
			headers = []string{"Range", c.header}
		}
		got := ask(t, serve(t, st), "", "GET", "/", nil, headers...).want(t, c.status)
		if c.status == 416 {
			got.want(t, 416, c.body)
			if got.header.Get("Content-Range") != "bytes */1000" {
				t.Errorf("%s: Content-Range %q", c.header, got.header.Get("Content-Range"))
			}
		} else if got.body != c.body {
			t.Errorf("%s: %d bytes, want %d", c.header, len(got.body), len(c.body))
		}
		if diff := cmp.Diff(c.opened, st.opened); diff != "" {
			t.Errorf("%s: %s", c.header, diff)
		}
	}
}

func TestMultipleRanges(t *testing.T) {
	st := &stub{data: strings.Repeat("0123456789", 100)}
	got := ask(t, serve(t, st), "", "GET", "/", nil, "Range", "bytes=1-3,500-501,-2").want(t, 206, "123", "89")
	if !strings.HasPrefix(got.header.Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("Content-Type %q", got.header.Get("Content-Type"))
	}
	if diff := cmp.Diff([][2]int64{{1, 3}, {500, 2}, {998, -1}}, st.opened); diff != "" {
		t.Error(diff)
	}
}

func TestConditions(t *testing.T) {
	st := &stub{data: "hello"}
	ts := serve(t, st)
	tag := `"` + string(st.content().Digest) + `"`
	got := ask(t, ts, "", "GET", "/", nil, "If-None-Match", tag).want(t, 304)
	if got.header.Get("ETag") != tag || got.body != "" {
		t.Errorf("304 with ETag %q, body %q", got.header.Get("ETag"), got.body)
	}
	ask(t, ts, "", "GET", "/", nil, "If-Match", `"sha256:other"`).want(t, 412, "precondition_failed")
	ask(t, ts, "", "GET", "/", nil, "If-Match", tag).want(t, 200, "hello")
	ask(t, ts, "", "GET", "/", nil, "If-Range", tag, "Range", "bytes=0-1").want(t, 206, "he")
	if got := ask(t, ts, "", "GET", "/", nil, "If-Range", `"sha256:other"`, "Range", "bytes=0-1").want(t, 200); got.body != "hello" {
		t.Errorf("If-Range of other content gave %q", got.body)
	}
	opened := len(st.opened)
	got = ask(t, ts, "", "HEAD", "/", nil).want(t, 200)
	if got.header.Get("Content-Length") != "5" || len(st.opened) != opened {
		t.Errorf("HEAD: %v, opened %v", got.header, st.opened[opened:])
	}
	if got.header.Get("Cache-Control") != "private, max-age=31536000, immutable" || !strings.HasPrefix(got.header.Get("Repr-Digest"), "sha-256=:q6ur") {
		t.Errorf("headers %v", got.header)
	}
	ask(t, serve(t, &stub{}), "", "GET", "/", nil).want(t, 200)
}

// TestBadContentIsSeen: what cannot be opened is a problem; what goes bad on the way
// breaks the connection, also when all bytes came and only the verdict is bad.
func TestBadContentIsSeen(t *testing.T) {
	ask(t, serve(t, &stub{data: "hello", fail: &pack.Error{Kind: pack.KindUnavailable, Message: "the store is away"}}), "", "GET", "/", nil).
		want(t, 503, "the store is away")
	corrupt := pack.Errorf(pack.KindCorrupt, "", "bad")
	ask(t, serve(t, &stub{data: "hello", end: corrupt}), "", "GET", "/", nil).want(t, 500, "corrupt")
	for name, st := range map[string]*stub{
		"corrupt": {data: strings.Repeat("x", 1<<20), end: corrupt},
		"short":   {data: strings.Repeat("x", 1<<20), short: 10},
	} {
		ts := serve(t, st)
		res, err := ts.Client().Get(ts.URL)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err == nil {
			t.Errorf("%s: %d bytes came without an error", name, n)
		}
	}
}

func TestSeekerReadsAnywhere(t *testing.T) {
	st := &stub{data: "0123456789"}
	s := newSeeker(context.Background(), st.content(), "")
	if _, err := s.Seek(-3, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.Copy(&got, s); err != nil || got.String() != "789" {
		t.Errorf("%q %v", got.String(), err)
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("a negative place is no error")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, errClosed) {
		t.Errorf("after close: %v", err)
	}
}
