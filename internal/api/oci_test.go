package api

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"packregistry/internal/api/oci"
)

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

// blob pushes bytes to a repository in one request.
func (h *house) blob(repo string, data []byte) string {
	h.t.Helper()
	digest := "sha256:" + sha(data)
	h.as("publisher", "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest, data).want(h.t, 201)
	return digest
}

// TestOCIAccess: the challenge, the roles, strangers, and what is told first.
func TestOCIAccess(t *testing.T) {
	h := newHouse(t, nil)
	got := h.as("", "GET", "/v2/", nil).want(t, 401, `{"errors":[{"code":"UNAUTHORIZED","message":`)
	for name, want := range map[string]string{
		"WWW-Authenticate": `Basic realm="Pack Registry", charset="UTF-8"`, "Docker-Distribution-API-Version": "registry/2.0", "Content-Type": "application/json",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	h.as("wrong", "GET", "/v2", nil).want(t, 401, "UNAUTHORIZED")
	h.as("reader", "GET", "/v2/", nil).want(t, 200, "{}")
	h.as("reader", "POST", "/v2/a/blobs/uploads/", nil).want(t, 403, `"code":"DENIED"`)
	h.as("reader", "DELETE", "/v2/a/manifests/1", nil).want(t, 403, `"code":"DENIED"`)
	// Who may not ask is not told what is wrong with the question.
	h.as("", "PUT", "/v2/UPPER/manifests/1", nil).want(t, 401)
	h.as("publisher", "PUT", "/v2/UPPER/manifests/1", nil).want(t, 400, `"code":"NAME_INVALID"`)
	h.as("reader", "GET", "/v2/a/manifests/1", nil).want(t, 404)
	h.as("reader", "GET", "/v2/nothing/here", nil).want(t, 404, `{"errors":[`)
	allowed := h.as("reader", "PATCH", "/v2/a/manifests/1", nil).want(t, 405, `"code":"UNSUPPORTED"`)
	if a := allowed.header.Get("Allow"); a != "DELETE, GET, HEAD, PUT" {
		t.Errorf("Allow %q", a)
	}
	h.as("", "GET", "/v2x", nil).want(t, 404, `"code":"route_not_found"`)

	open := newHouse(t, func(c *Config) { c.Anonymous = AnonymousPull })
	open.as("", "GET", "/v2/_catalog", nil).want(t, 200, `{"repositories":[]}`)
	open.as("", "GET", "/v2/", nil).want(t, 401) // how a client learns to log in
	// containers/image sends an empty pair when it has no credentials.
	open.as("", "GET", "/v2/_catalog", nil, "Authorization", "Basic Og==").want(t, 200)
	open.as("", "POST", "/v2/a/blobs/uploads/", nil, "Authorization", "Basic Og==").want(t, 401)
	h.as("", "GET", "/v2/_catalog", nil, "Authorization", "Basic Og==").want(t, 401, "UNAUTHORIZED")
}

// TestOCIBytes: ranges, conditions and both digests of a blob.
func TestOCIBytes(t *testing.T) {
	h := newHouse(t, nil)
	data := bytes.Repeat([]byte("0123456789"), 500)
	digest := h.blob("a/b", data)
	path := "/v2/a/b/blobs/" + digest
	got := h.as("reader", "GET", path, nil).want(t, 200)
	if got.body != string(data) {
		t.Errorf("%d bytes", len(got.body))
	}
	for name, want := range map[string]string{
		"Docker-Content-Digest": digest, "ETag": `"` + digest + `"`, "Accept-Ranges": "bytes", "Content-Length": "5000",
		"Cache-Control": "private, max-age=31536000, immutable", "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	part := h.as("reader", "GET", path, nil, "Range", "bytes=10-14").want(t, 206, "01234")
	if r := part.header.Get("Content-Range"); r != "bytes 10-14/5000" {
		t.Errorf("Content-Range %q", r)
	}
	h.as("reader", "GET", path, nil, "Range", "bytes=9000-").want(t, 416)
	h.as("reader", "GET", path, nil, "If-None-Match", `"`+digest+`"`).want(t, 304)
	if head := h.as("reader", "HEAD", path, nil).want(t, 200); head.body != "" || head.header.Get("Content-Length") != "5000" {
		t.Errorf("HEAD %v", head.header)
	}
	h.as("reader", "HEAD", "/v2/a/other/blobs/"+digest, nil).want(t, 404)

	long := sha512.Sum512(data)
	digest = "sha512:" + hex.EncodeToString(long[:])
	at := h.as("publisher", "POST", "/v2/a/b/blobs/uploads/?digest-algorithm=sha512", nil).want(t, 202).header.Get("Location")
	h.as("publisher", "PUT", at+"?digest="+digest, data).want(t, 201)
	got = h.as("reader", "GET", "/v2/a/b/blobs/"+digest, nil).want(t, 200)
	if got.header.Get("Docker-Content-Digest") != digest || got.header.Get("Repr-Digest") != "" || got.body != string(data) {
		t.Errorf("by SHA-512: %v", got.header)
	}
}

// TestOCIUploadBelongsToItsUser: another account does not see a session.
func TestOCIUploadBelongsToItsUser(t *testing.T) {
	h := newHouse(t, nil)
	at := h.as("publisher", "POST", "/v2/a/blobs/uploads/", nil).want(t, 202).header.Get("Location")
	h.as("publisher", "GET", at, nil).want(t, 204)
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		h.as("admin", method, at, []byte("x")).want(t, 404, `"code":"BLOB_UPLOAD_UNKNOWN"`)
		h.as("publisher", method, strings.Replace(at, "/v2/a/", "/v2/b/", 1), nil).want(t, 404, `"code":"BLOB_UPLOAD_UNKNOWN"`)
	}
	h.as("publisher", "DELETE", at, nil).want(t, 204)
	h.as("publisher", "GET", at, nil).want(t, 404)
}

// TestOCILimits: what is too large is refused, before its body when its length is known.
func TestOCILimits(t *testing.T) {
	h := newHouse(t, nil)
	tooMuch := make([]byte, testBlobLimit+1)
	path := "/v2/a/blobs/uploads/?digest=sha256:" + sha(tooMuch)
	h.as("publisher", "POST", path, tooMuch).want(t, 413, `"code":"SIZE_INVALID"`, `"detail":{"limit":16777216}`)
	ask(t, h.Server, "publisher", "POST", path, io.MultiReader(bytes.NewReader(tooMuch))).want(t, 413, "SIZE_INVALID")
	h.as("publisher", "PUT", "/v2/a/manifests/1", make([]byte, oci.ManifestLimit+1), "Content-Type", ociManifest).want(t, 413, "SIZE_INVALID")
	h.as("publisher", "PUT", "/v2/a/manifests/1", []byte("{}"), "Content-Type", ociManifest).want(t, 400, "MANIFEST_INVALID")

	for range cap(h.api.uploads) {
		h.api.uploads <- struct{}{}
	}
	busy := h.as("publisher", "POST", path, []byte("x")).want(t, 429, "TOOMANYREQUESTS")
	if busy.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	h.as("publisher", "POST", "/v2/a/blobs/uploads/", nil).want(t, 202) // takes nothing in
}

// TestOCIUnderPrefix: everything that names a path names the prefix.
func TestOCIUnderPrefix(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Prefix = "/packs" })
	at := h.as("publisher", "POST", "/packs/v2/a/blobs/uploads/", nil).want(t, 202).header.Get("Location")
	if !strings.HasPrefix(at, "/packs/v2/a/blobs/uploads/") {
		t.Fatalf("Location %q", at)
	}
	data := []byte("data")
	done := h.as("publisher", "PUT", at+"?digest=sha256:"+sha(data), data).want(t, 201)
	h.as("reader", "GET", done.header.Get("Location"), nil).want(t, 200, "data")
	h.as("reader", "GET", "/v2/", nil).want(t, 404)
}

// TestOCIPack: a pack of the REST face, read and refused over /v2, and the pages of the lists.
func TestOCIPack(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	h.push(small("alpha", "1.1.0"), "")
	h.push(small("beta", "2.0.0"), "?namespace=team/edge")
	h.as("reader", "GET", "/v2/_catalog", nil).want(t, 200, `{"repositories":["default/spectro-packs/archive/alpha","team/edge/spectro-packs/archive/beta"]}`)
	page := h.as("reader", "GET", "/v2/_catalog?n=1", nil).want(t, 200, `{"repositories":["default/spectro-packs/archive/alpha"]}`)
	link := page.header.Get("Link")
	if link != `</v2/_catalog?last=default%2Fspectro-packs%2Farchive%2Falpha&n=1>; rel="next"` {
		t.Fatalf("Link %q", link)
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if last := h.as("reader", "GET", next, nil).want(t, 200, `["team/edge/spectro-packs/archive/beta"]`); last.header.Get("Link") != "" {
		t.Errorf("a Link behind the end: %q", last.header.Get("Link"))
	}
	const repo = "/v2/default/spectro-packs/archive/alpha"
	h.as("reader", "GET", repo+"/tags/list", nil).want(t, 200, `"tags":["1.0.0","1.1.0"]`)
	h.as("reader", "GET", "/v2/default/spectro-packs/archive/none/tags/list", nil).want(t, 404, "NAME_UNKNOWN")
	m := h.as("reader", "GET", repo+"/manifests/1.0.0", nil).want(t, 200, `"alpha-1.0.0.tar.gz"`)
	if m.header.Get("Content-Type") != ociManifest || m.header.Get("Docker-Content-Digest") != "sha256:"+sha([]byte(m.body)) || m.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("manifest headers %v", m.header)
	}
	h.as("reader", "GET", repo+"/manifests/latest", nil).want(t, 404, `{"errors":[`) // latest lives on the other faces
	h.as("reader", "GET", repo+"/referrers/"+m.header.Get("Docker-Content-Digest"), nil).want(t, 200, `"manifests":[]`)
	h.as("publisher", "DELETE", repo+"/manifests/1.0.0", nil).want(t, 202)
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.0.0", nil).want(t, 404)
}

// TestOCIMetrics: no client chooses a label.
func TestOCIMetrics(t *testing.T) {
	h := newHouse(t, nil)
	h.blob("made/up", []byte("x"))
	h.as("reader", "GET", "/v2/made/up/tags/list", nil)
	h.as("publisher", "PATCH", "/v2/made/up/blobs/uploads/madeup", []byte("x"))
	text := h.as("reader", "GET", "/metrics", nil).want(t, http.StatusOK).body
	for _, want := range []string{
		`registry_http_requests_total{class="2xx",method="POST",route="/v2/{repo}/blobs/uploads/"} 1`,
		`registry_http_requests_total{class="4xx",method="PATCH",route="/v2/{repo}/blobs/uploads/{id}"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, "made") {
		t.Error("a client chose a label")
	}
}
