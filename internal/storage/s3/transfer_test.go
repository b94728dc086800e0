package s3

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// A download goes on where its connection broke.
func TestResume(t *testing.T) {
	data, d := storagetest.Blob(1, 1_000_000)
	for _, c := range []struct {
		breaks         int32
		offset, length int64
		kind           pack.Kind
	}{
		{2, 0, -1, ""},
		{2, 1000, -1, ""},
		{3, 10, 900_000, ""},
		{100, 0, -1, pack.KindUnavailable},
	} {
		base := bucketConfig(t)
		if err := open(t, base).Put(t.Context(), d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		var broken atomic.Int32
		s := open(t, through(t, base, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet && broken.Add(1) <= c.breaks {
				r.Header.Set("X-Cut", "yes")
				cut := &cutter{ResponseWriter: w, left: 200_000}
				forwardTo(t, base, cut, r)
				return true
			}
			return false
		}))
		rc, err := s.Open(t.Context(), d, c.offset, c.length)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		rc.Close()
		if pack.KindOf(err) != c.kind {
			t.Errorf("%+v: %v, want kind %q", c, err, c.kind)
		}
		want := data[c.offset:]
		if c.length > 0 {
			want = want[:c.length]
		}
		if c.kind == "" && !bytes.Equal(got, want) {
			t.Errorf("%+v: got %d other bytes", c, len(got))
		}
	}
}

// cutter breaks the connection after some bytes of the body.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	c.left -= n
	if c.left == 0 {
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func forwardTo(t *testing.T, c Config, w http.ResponseWriter, r *http.Request) {
	target, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Error(err)
		return
	}
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}}).ServeHTTP(w, r)
}

func TestTLS(t *testing.T) {
	base := bucketConfig(t)
	target, err := url.Parse(base.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}})
	proxy.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake that fails below
	proxy.StartTLS()
	t.Cleanup(proxy.Close)

	c := base
	c.Endpoint = proxy.URL
	c.MaxAttempts = 1
	data, d := storagetest.Blob(1, inParts)
	if err := open(t, c).Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with an unknown authority: got %v, want KindUnavailable because of the certificate", err)
	}

	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(c.CAFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	for range 2 { // in one piece, then in parts
		if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		readBack(t, s, d)
		if err := s.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		small(s)
	}
}

// The memory of a put does not follow the size of the blob.
func TestPutMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("128 MiB: not with -short")
	}
	s := open(t, through(t, bucketConfig(t), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("partNumber") == "" {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body) // keeps the disk out of it
		w.Header().Set("ETag", `"x"`)
		return true
	}))
	src := storagetest.Pattern(128 << 20)
	u, err := s.prepare(t.Context(), digestOfPattern(t, src), src)
	if err != nil {
		t.Fatal(err)
	}
	u.checksums = true
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := u.send(t.Context(), true); err == nil {
		t.Error("the server completes an upload without parts")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("sending 128 MiB allocated %d MiB", used>>20)
	}
}

func digestOfPattern(t *testing.T, src storagetest.Pattern) pack.Digest {
	t.Helper()
	sp, err := storage.NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	if err := sp.Fill(io.NewSectionReader(src, 0, src.Size()), -1); err != nil {
		t.Fatal(err)
	}
	return sp.Digest()
}
