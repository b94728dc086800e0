package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
)

// breaking is a server that sends an archive, and breaks some of its answers off.
type breaking struct {
	content []byte
	cuts    []int // bytes after which an answer breaks off, one for each request; -1 is not at all
	ranges  []string
	ignore  bool // the Range
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/archive") {
		return // the client looks whether this is TLS
	}
	b.ranges = append(b.ranges, r.Header.Get("Range"))
	cut := -1
	if len(b.ranges) <= len(b.cuts) {
		cut = b.cuts[len(b.ranges)-1]
	}
	if b.ignore {
		r.Header.Del("Range")
	}
	w.Header().Set("ETag", `"`+string(digestOf(b.content))+`"`)
	if cut >= 0 {
		w = &cutting{ResponseWriter: w, left: cut}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.content))
}

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func digestOf(b []byte) pack.Digest {
	sum := sha256.Sum256(b)
	return pack.NewDigest(sum[:])
}

// ask makes a client of a server that only this test has.
func ask(t *testing.T, h http.Handler) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Options{Server: s.URL, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// archiveOf reads an archive whole.
func archiveOf(body io.ReadCloser, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

func TestArchiveGoesOnWhereItBroke(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	v := &pack.Version{Namespace: "default", Name: "alpha", Version: "1.0.0", Digest: digestOf(content), Size: int64(len(content))}
	for _, tt := range []struct {
		name   string
		server breaking
		want   []string
	}{
		{"in one go", breaking{}, []string{""}},
		{"twice", breaking{cuts: []int{100, 2000}}, []string{"", "bytes=100-", "bytes=2100-"}},
		{"from a server without ranges", breaking{cuts: []int{100}, ignore: true}, []string{"", "bytes=100-"}},
		{"more often than it may break off without a byte", breaking{cuts: []int{1, 1, 1, 1, 1, 1, 1}}, []string{"", "bytes=1-", "bytes=2-", "bytes=3-", "bytes=4-", "bytes=5-", "bytes=6-", "bytes=7-"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.content = content
			if got, err := archiveOf(ask(t, &tt.server).Archive(t.Context(), v)); err != nil || got != string(content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if strings.Join(tt.server.ranges, ";") != strings.Join(tt.want, ";") {
				t.Errorf("asked for %q, want %q", tt.server.ranges, tt.want)
			}
		})
	}
}

func TestArchiveThatIsAnother(t *testing.T) {
	content := []byte("these are the bytes")
	v := &pack.Version{Namespace: "default", Name: "alpha", Digest: digestOf(content), Size: int64(len(content))}
	wrong, long := *v, *v
	wrong.Digest, long.Size = digestOf([]byte("of something else")), v.Size-1
	for name, v := range map[string]*pack.Version{"changed": &wrong, "too long": &long} {
		t.Run(name, func(t *testing.T) {
			if _, err := archiveOf(ask(t, &breaking{content: content}).Archive(t.Context(), v)); !errors.As(err, new(*NetworkError)) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("for ever broken", func(t *testing.T) {
		server := &breaking{content: content, cuts: []int{5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
		if _, err := archiveOf(ask(t, server).Archive(t.Context(), v)); !errors.As(err, new(*NetworkError)) || len(server.ranges) > 5 {
			t.Errorf("asked %d times: %v", len(server.ranges), err)
		}
	})
}

// TestArchiveAs: of the tar.gz only the answer says how long it is, and of its form alone also the digest.
func TestArchiveAs(t *testing.T) {
	content := []byte("the tar.gz form")
	v := &pack.Version{Namespace: "default", Name: "alpha", Digest: digestOf([]byte("the zip form")), Size: 12}
	for name, digest := range map[string]pack.Digest{"by its form": "", "by its digest": digestOf(content)} {
		t.Run(name, func(t *testing.T) {
			body, d, size, err := ask(t, &breaking{content: content, cuts: []int{3}}).ArchiveAs(t.Context(), v, digest, pack.FormatTarGz)
			if got, err := archiveOf(body, err); err != nil || got != string(content) || d != digestOf(content) || size != int64(len(content)) {
				t.Errorf("%q %s %d %v", got, d, size, err)
			}
		})
	}
	if _, err := archiveOf(func() (io.ReadCloser, error) {
		body, _, _, err := ask(t, &breaking{content: content}).ArchiveAs(t.Context(), v, digestOf([]byte("another")), "")
		return body, err
	}()); !errors.As(err, new(*NetworkError)) {
		t.Errorf("%v", err)
	}
}

func TestFileIsVerified(t *testing.T) {
	v := &pack.Version{Namespace: "default", Name: "alpha", Digest: digestOf(nil)}
	for _, tt := range []struct {
		name, sent string
		ok         bool
	}{{"whole", "values", true}, {"empty", "", true}, {"changed", "VALUES", false}} {
		t.Run(tt.name, func(t *testing.T) {
			c := ask(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("ETag", `"`+string(digestOf([]byte(strings.ToLower(tt.sent))))+`"`)
				_, _ = w.Write([]byte(tt.sent))
			}))
			body, err := c.File(t.Context(), v, "values.yaml")
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			var got bytes.Buffer
			if _, err := got.ReadFrom(body); (err == nil) != tt.ok || got.String() != tt.sent {
				t.Errorf("%q %v", got.String(), err)
			}
		})
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	line := `{"namespace":"default","name":"alpha","version":"1.0.0","tags":["stable"]}` + "\n"
	for _, tt := range []struct{ name, sent, problem string }{
		{"whole", line + line + `{"cursor":"abc"}` + "\n", ""},
		{"without the last line", line, "broke off"},
		{"cut in a line", line + `{"name`, "broke off"},
		{"of another server", "<html>", "is this the address of a pack registry?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ask(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.sent)) }))
			var got []string
			cursor, err := c.Catalogue(t.Context(), func(v *pack.Version) error { got = append(got, v.Name+":"+v.Version+v.Tags[0]); return nil })
			if tt.problem == "" && (err != nil || cursor != "abc" || strings.Join(got, " ") != "alpha:1.0.0stable alpha:1.0.0stable") {
				t.Errorf("%q %v %v", cursor, got, err)
			}
			if tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("%v", err)
			}
		})
	}
}
