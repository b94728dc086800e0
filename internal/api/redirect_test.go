package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

// linkedHouse has a store whose blobs have addresses. Its client follows no redirect by itself.
type linkedHouse struct {
	*house
	links *storagetest.Links
	log   *testenv.Output
}

func newLinkedHouse(t *testing.T, change func(*Config)) *linkedHouse {
	t.Helper()
	h := &linkedHouse{log: &testenv.Output{}}
	h.house = buildHouse(t, func(s storage.Store) storage.Linker {
		h.links = storagetest.NewLinks(t, s)
		return h.links
	}, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if change != nil {
			change(c)
		}
	})
	h.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return h
}

// follow fetches what an answer redirects to, as somebody who knows nothing but the address.
func (h *linkedHouse) follow(a answer, headers ...string) answer {
	h.t.Helper()
	a.want(h.t, http.StatusTemporaryRedirect)
	req, err := http.NewRequest(http.MethodGet, a.header.Get("Location"), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

const alphaArchive = "/api/v1/packs/alpha/versions/1.0.0/archive"

func TestArchiveRedirects(t *testing.T) {
	h := newLinkedHouse(t, nil)
	data := small("alpha", "1.0.0")
	v := h.push(data, "")
	got := h.as("reader", "GET", alphaArchive, nil)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "ETag": `"` + string(v.Digest) + `"`, "Content-Type": "text/plain; charset=utf-8", "Content-Disposition": "", "Accept-Ranges": "",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	if got.body != followMe || got.header.Get("Repr-Digest") == "" {
		t.Errorf("%q, %v", got.body, got.header)
	}
	whole := h.follow(got).want(t, 200)
	if whole.body != string(data) || whole.header.Get("Content-Type") != "application/zip" || whole.header.Get("Content-Disposition") != `attachment; filename="alpha-1.0.0.zip"` {
		t.Errorf("%d bytes with %v", len(whole.body), whole.header)
	}
	// The client sends the range again, as the same one.
	for _, ranges := range []string{"bytes=4-9", "bytes=4-", "bytes=-10", "bytes=0-999999"} {
		part := h.as("reader", "GET", alphaArchive, nil, "Range", ranges)
		here := h.as("reader", "GET", alphaArchive, nil, "Range", ranges, "If-Match", "*").want(t, 206)
		if there := h.follow(part, "Range", ranges).want(t, 206); there.body != here.body {
			t.Errorf("%s: there %d bytes, here %d", ranges, len(there.body), len(here.body))
		}
	}
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/"+string(v.Digest)+"/archive", nil).want(t, 307)
	h.push(packtest.PackTarGz("beta", "1.0.0"), "")
	tarGz := h.follow(h.as("reader", "GET", "/api/v1/packs/beta/versions/1.0.0/archive?format=tar.gz", nil))
	if tarGz.header.Get("Content-Type") != "application/gzip" || !strings.Contains(tarNames(t, tarGz.body), "pack.json") {
		t.Errorf("%v", tarGz.header)
	}
}

// TestStaysHere: whatever the store would not answer as this server does is answered here.
func TestStaysHere(t *testing.T) {
	h := newLinkedHouse(t, nil)
	data := small("alpha", "1.0.0", packtest.File("README.md", "text"))
	v := h.push(data, "")
	etag := `"` + string(v.Digest) + `"`
	for _, c := range []struct {
		name, method string
		status       int
		headers      []string
	}{
		{"HEAD", "HEAD", 200, nil},
		{"If-Match", "GET", 200, []string{"If-Match", etag}},
		{"If-Match of any", "GET", 200, []string{"If-Match", "*"}},
		{"If-Match of another", "GET", 412, []string{"If-Match", `"sha256:0"`}},
		{"If-None-Match", "GET", 304, []string{"If-None-Match", etag}},
		{"If-None-Match of another", "GET", 200, []string{"If-None-Match", `"sha256:0"`}},
		{"If-Modified-Since", "GET", 200, []string{"If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"}},
		{"If-Unmodified-Since", "GET", 200, []string{"If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"}},
		{"If-Range", "GET", 206, []string{"If-Range", etag, "Range", "bytes=1-2"}},
		{"the rest, if it is the same", "GET", 206, []string{"If-Match", etag, "Range", "bytes=100-"}},
		{"two ranges", "GET", 206, []string{"Range", "bytes=1-2,5-6"}},
		{"a range behind the end", "GET", 416, []string{"Range", "bytes=99999999-"}},
		{"no last bytes", "GET", 416, []string{"Range", "bytes=-0"}},
		{"a unit of its own", "GET", 200, []string{"Range", "pages=1-2"}},
		{"a range the wrong way round", "GET", 416, []string{"Range", "bytes=5-2"}},
		{"a range with a sign", "GET", 206, []string{"Range", "bytes=+1-2"}},
	} {
		got := h.as("reader", c.method, alphaArchive, nil, c.headers...)
		if got.status != c.status || got.header.Get("Location") != "" {
			t.Errorf("%s: status %d, want %d, Location %q", c.name, got.status, c.status, got.header.Get("Location"))
		}
	}
	for _, path := range []string{
		alphaArchive + "?format=tar.gz", // made on the way
		"/api/v1/packs/alpha/versions/1.0.0/files/values.yaml",
		"/api/v1/packs/alpha/versions/1.0.0/files/logo.png",
		"/api/v1/packs/alpha/versions/1.0.0/files/README.md",
		"/v1/alpha/blobs/sha256:" + sha([]byte(packtest.Logo(16, 16))) + "?type=image/png",
		"/v1/alpha/blobs/sha256:" + sha([]byte("text")),
		"/v1/alpha/manifests/1.0.0",
		"/v2/default/spectro-packs/archive/alpha/manifests/1.0.0",
	} {
		h.as("reader", "GET", path, nil).want(t, 200)
	}
	if asked := h.links.Asked(); len(asked) > 0 {
		t.Errorf("the store was asked %d times", len(asked))
	}
	// What a version is made of is no file of its own on the legacy face.
	h.as("reader", "GET", "/v1/alpha/blobs/"+string(v.Digest), nil).want(t, 404)
}

func TestOCIBlobRedirects(t *testing.T) {
	h := newLinkedHouse(t, func(c *Config) { c.Prefix = "/packs" })
	data := bytes.Repeat([]byte("0123456789"), 500)
	digest := "sha256:" + sha(data)
	h.as("publisher", "POST", "/packs/v2/a/b/blobs/uploads/?digest="+digest, data).want(t, 201)
	path := "/packs/v2/a/b/blobs/" + digest
	got := h.as("reader", "GET", path, nil).want(t, 307)
	for name, want := range map[string]string{"Docker-Content-Digest": digest, "Cache-Control": "no-store", "Docker-Distribution-API-Version": "registry/2.0"} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	if whole := h.follow(got).want(t, 200); whole.body != string(data) || whole.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d bytes, %v", len(whole.body), whole.header)
	}
	h.follow(h.as("reader", "GET", path, nil, "Range", "bytes=10-14"), "Range", "bytes=10-14").want(t, 206, "01234")
	head := h.as("reader", "HEAD", path, nil).want(t, 200)
	if head.header.Get("Content-Length") != "5000" || head.header.Get("Docker-Content-Digest") != digest {
		t.Errorf("HEAD %v", head.header)
	}
	h.as("reader", "GET", path, nil, "If-None-Match", `"`+digest+`"`).want(t, 304)
	h.as("reader", "GET", "/packs/v2/a/other/blobs/"+digest, nil).want(t, 404, "BLOB_UNKNOWN")
	h.as("", "GET", path, nil).want(t, 401, "UNAUTHORIZED")
}

// TestNoRedirectToWhatIsLost: the client gets a problem of ours, not a page of the store.
func TestNoRedirectToWhatIsLost(t *testing.T) {
	h := newLinkedHouse(t, nil)
	v := h.push(small("alpha", "1.0.0"), "")
	digest := h.blob("a/b", []byte("bytes of a blob"))
	for _, d := range []pack.Digest{v.Digest, pack.Digest(digest)} {
		if err := h.cfg.Store.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	lost := h.as("reader", "GET", alphaArchive, nil).want(t, 500, `"code":"corrupt"`, "lost the bytes")
	blob := h.as("reader", "GET", "/v2/a/b/blobs/"+digest, nil).want(t, 500, `"errors":[`)
	for _, a := range []answer{lost, blob} {
		for _, name := range []string{"Location", "ETag", "Repr-Digest", "Docker-Content-Digest", "Cache-Control"} {
			if a.header.Get(name) != "" {
				t.Errorf("%s: %q", name, a.header.Get(name))
			}
		}
	}
}

// TestRedirectsAreForReaders: who may not read gets no address, and who may read without a name gets one.
func TestRedirectsAreForReaders(t *testing.T) {
	for anonymous, status := range map[string]int{AnonymousNone: 401, AnonymousLogos: 401, AnonymousPull: 307} {
		h := newLinkedHouse(t, func(c *Config) { c.Anonymous = anonymous })
		h.push(small("alpha", "1.0.0"), "")
		digest := h.blob("a/b", []byte("bytes of a blob"))
		for _, path := range []string{alphaArchive, "/v2/a/b/blobs/" + digest} {
			if got := h.as("", "GET", path, nil); got.status != status || (got.header.Get("Location") != "") != (status == 307) {
				t.Errorf("%s, %s: status %d, Location %q", anonymous, path, got.status, got.header.Get("Location"))
			}
			h.as("wrong", "GET", path, nil).want(t, 401)
		}
		h.as("publisher", "DELETE", "/api/v1/packs/alpha", nil).want(t, 204)
		h.as("reader", "GET", alphaArchive, nil).want(t, 404)
	}
}

// TestNoPasswordToTheStore: where clients would send the password along, they are not redirected. Without a password they are.
func TestNoPasswordToTheStore(t *testing.T) {
	h := newLinkedHouse(t, func(c *Config) { c.Anonymous = AnonymousPull })
	h.links.Address = h.links.URL // the registry's own host, on another port
	data := small("alpha", "1.0.0")
	h.push(data, "")
	h.Client().CheckRedirect = nil
	for range 2 {
		if got := h.as("reader", "GET", alphaArchive, nil).want(t, 200); got.body != string(data) {
			t.Errorf("%d bytes", len(got.body))
		}
	}
	if n := strings.Count(h.log.String(), "storage.s3.redirectendpoint"); n != 1 {
		t.Errorf("the administrator was told %d times", n)
	}
	if got := h.as("", "GET", alphaArchive, nil).want(t, 200); got.body != string(data) || len(h.links.Asked()) != 1 {
		t.Errorf("without a name: %d bytes, the store was asked %d times", len(got.body), len(h.links.Asked()))
	}
}

func TestTakesPassword(t *testing.T) {
	for _, c := range []struct {
		to, from string
		want     bool
	}{
		{"packs.example.com", "packs.example.com:5000", true},
		{"Packs.Example.com", "packs.example.com", true},
		{"s3.packs.example.com", "packs.example.com:443", true},
		{"s3.example.com", "packs.example.com", false},
		{"notpacks.example.com", "packs.example.com", false},
		{"example.com", "packs.example.com", false},
		{"10.0.0.1", "10.0.0.1:5000", true},
		{"10.0.0.2", "10.0.0.1:5000", false},
		{"::1", "[::1]:5000", true},
		{"s3.example.com", "", false},
	} {
		if got := takesPassword(c.to, c.from); got != c.want {
			t.Errorf("from %s to %s: %v", c.from, c.to, got)
		}
	}
}

// TestRedirectIsASecret: the address is told to the client and to nobody else; its bytes are not counted as ours.
func TestRedirectIsASecret(t *testing.T) {
	h := newLinkedHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	before, err := metricValue(h.api.cfg.Metrics, "registry_download_bytes_total")
	if err != nil {
		t.Fatal(err)
	}
	location := h.as("reader", "GET", alphaArchive, nil).want(t, 307).header.Get("Location")
	_, signature, _ := strings.Cut(location, "Signature=")
	signature, _, _ = strings.Cut(signature, "&")
	text := h.log.String() + h.as("reader", "GET", "/metrics", nil).body
	if len(signature) != 64 || strings.Contains(text, signature) || strings.Contains(text, "blobs/sha256/") {
		t.Errorf("the address %q is told to others", location)
	}
	if !strings.Contains(h.log.String(), `"route":"/api/v1/packs/{name}/versions/{ref}/archive","status":307,"bytesIn":0`) {
		t.Errorf("the log lacks the request:\n%s", h.log)
	}
	after, err := metricValue(h.api.cfg.Metrics, "registry_download_bytes_total")
	if n, err2 := metricValue(h.api.cfg.Metrics, "registry_download_redirects_total"); err != nil || err2 != nil || n != 1 || after != before {
		t.Errorf("%v redirects, and %v bytes more (%v, %v)", n, after-before, err, err2)
	}
}
