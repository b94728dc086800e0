package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"packregistry/internal/pack"
)

// aVersion is a version whose archive is the text.
func aVersion(text []byte) *pack.Version {
	return &pack.Version{Namespace: "default", Name: "a", Version: "1.0.0", Digest: digestOf(text), Size: int64(len(text))}
}

func read(t testing.TB, c *Client, v *pack.Version) ([]byte, error) {
	t.Helper()
	r, err := c.Archive(t.Context(), v)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// broken serves a text as http.ServeContent does and breaks the connection after so many bytes of each answer; the
// last number is for ever, -1 does not break.
type broken struct {
	text    []byte
	after   []int
	answers atomic.Int32
	whole   bool // knows no ranges
}

func (b *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isProbe(r) {
		return
	}
	after := b.after[min(int(b.answers.Add(1)), len(b.after))-1]
	w.Header().Set("ETag", `"`+string(aVersion(b.text).Digest)+`"`)
	if b.whole {
		r.Header.Del("Range")
	}
	if after >= 0 {
		w = &cutting{ResponseWriter: w, left: after}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.text))
}

// TestDownloadIsTheSameWhereverItBreaks breaks it in arbitrary places, and reads it in arbitrary pieces.
func TestDownloadIsTheSameWhereverItBreaks(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	var b atomic.Pointer[broken]
	server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) { b.Load().ServeHTTP(w, r) })
	b.Store(&broken{text: text, after: []int{-1}})
	c, _ := newClient(t, Options{Server: server.URL})
	rapid.Check(t, func(rt *rapid.T) {
		b.Store(&broken{
			text: text, whole: rapid.Bool().Draw(rt, "whole"),
			after: append(rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 3).Draw(rt, "after"), -1),
		})
		r, err := c.Archive(t.Context(), aVersion(text))
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		size := rapid.IntRange(1, 5000).Draw(rt, "piece")
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, size)); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), text) {
			rt.Fatalf("%d bytes", got.Len())
		}
	})
	digest := `"` + string(aVersion(text).Digest) + `"`
	if n := asked.count(func(r *http.Request) bool { return r.Header.Get("Range") != "" && r.Header.Get("If-Match") != digest }); n > 0 {
		t.Errorf("%d ranges were asked for of whatever is there", n)
	}
	if n := asked.count(func(r *http.Request) bool { return !isProbe(r) && !withPassword(r) }); n > 0 {
		t.Errorf("asked %d times without the password", n)
	}
}

func TestDownloadThatIsNotWhatItShouldBe(t *testing.T) {
	text := []byte(strings.Repeat("archive ", 100))
	plain := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	part := func(span string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", span)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(body)
		}
	}
	start := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text[:100])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	changed := "what came is not " + string(aVersion(text).Digest)
	for name, c := range map[string]struct {
		list  []http.HandlerFunc
		kind  string
		says  string
		waits int
	}{
		"other bytes":       {[]http.HandlerFunc{plain(strings.Repeat("ARCHIVE ", 100))}, "network", changed, 0},
		"more":              {[]http.HandlerFunc{plain(string(text) + "!")}, "network", changed, 0},
		"less, for ever":    {[]http.HandlerFunc{plain(string(text[:50]))}, "network", "broke off", 3},
		"other rest":        {[]http.HandlerFunc{start, part("bytes 100-799/800", bytes.Repeat([]byte("x"), 700))}, "network", changed, 1},
		"another place":     {[]http.HandlerFunc{start, part("bytes 10-799/800", text[10:])}, "network", `was asked for the bytes from 100 on and sent "bytes 10-799/800"`, 1},
		"deleted meanwhile": {[]http.HandlerFunc{start, problemOf(404, "not_found")}, "not_found", "told", 1},
		"changed meanwhile": {[]http.HandlerFunc{start, problemOf(412, "precondition_failed")}, "precondition_failed", "told", 1},
		"gone for good":     {[]http.HandlerFunc{start, nil}, "network", "closed the connection", 12},
	} {
		t.Run(name, func(t *testing.T) {
			client, naps, _ := answers(t, c.list...)
			got, err := read(t, client, aVersion(text))
			if kindOfError(err) != c.kind || !strings.Contains(err.Error(), c.says) || len(naps.all) > c.waits {
				t.Fatalf("%d bytes, %d waits, %s: %v", len(got), len(naps.all), kindOfError(err), err)
			}
		})
	}
}

// TestSilentDownloadGoesOn asks for the rest elsewhere when a connection brings nothing any more.
func TestSilentDownloadGoesOn(t *testing.T) {
	text := bytes.Repeat([]byte("x"), 1000)
	quiet := make(chan struct{})
	b := &broken{text: text, after: []int{-1}}
	server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) || r.Header.Get("Range") != "" {
			b.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(text[:300])
		_ = http.NewResponseController(w).Flush()
		<-quiet
	})
	t.Cleanup(func() { close(quiet) })
	c, _ := newClient(t, Options{Server: server.URL})
	c.silence = 50 * time.Millisecond
	got, err := read(t, c, aVersion(text))
	if err != nil || !bytes.Equal(got, text) || asked.count(func(r *http.Request) bool { return r.Header.Get("Range") == "bytes=300-" }) != 1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestClosedArchiveIsOver(t *testing.T) {
	text := bytes.Repeat([]byte("x"), 1000)
	b := &broken{text: text, after: []int{500}}
	server, _ := serve(t, false, b.ServeHTTP)
	c, _ := newClient(t, Options{Server: server.URL})
	r, err := c.Archive(t.Context(), aVersion(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, errClosed) || b.answers.Load() != 1 {
		t.Error(err)
	}
}
