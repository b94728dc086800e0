package oci

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// desk is a Face on a fake core, behind what package api does around it in the least form.
type desk struct {
	t    *testing.T
	core *fake
	face *Face
}

func newDesk(t *testing.T) *desk {
	f := newFake()
	return &desk{t, f, &Face{Core: f, Prefix: "/base", Content: func(w http.ResponseWriter, r *http.Request, c *registry.Content, immutable bool) error {
		stream, err := c.Open(r.Context(), 0, -1)
		if err != nil {
			return err
		}
		if immutable {
			w.Header().Set("Cache-Control", "immutable")
		}
		_, err = io.Copy(w, stream)
		return err
	}}}
}

// ask makes a request and checks the status; headers are name, value.
func (d *desk) ask(status int, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	req, err := Parse(Text{Method: method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, ContentRange: r.Header.Get("Content-Range")})
	if err == nil {
		err = d.face.Serve(w, r, req, "alice")
	}
	if err != nil {
		var known *pack.Error
		if !errors.As(err, &known) {
			d.t.Fatalf("%s %s: %v", method, target, err)
		}
		ofKind := http.StatusInternalServerError
		if known.Kind == pack.KindBadPack {
			ofKind = http.StatusUnprocessableEntity
		}
		code, text, err := Error(Failure{Code: known.Code, Status: ofKind, Message: known.Message, Findings: known.Findings})
		if err != nil {
			d.t.Fatal(err)
		}
		w.WriteHeader(code)
		w.Write(text)
	}
	if w.Code != status {
		d.t.Fatalf("%s %s: %d, want %d: %s", method, target, w.Code, status, w.Body)
	}
	return w
}

func (d *desk) header(w *httptest.ResponseRecorder, pairs ...string) {
	d.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := strings.Join(w.Header().Values(pairs[i]), ","); got != pairs[i+1] {
			d.t.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

func TestUploads(t *testing.T) {
	d := newDesk(t)
	abc := digestOf([]byte("abcdef"))
	const session = "/v2/x/y/blobs/uploads/u1"
	w := d.ask(202, "POST", "/v2/x/y/blobs/uploads/", "")
	d.header(w, "Location", "/base"+session, "Range", "0-0", "Docker-Upload-UUID", "u1")
	d.header(d.ask(202, "PATCH", session, "abc", "Content-Range", "0-2"), "Location", "/base"+session, "Range", "0-2")
	// Out of order: the answer says where the session stands.
	d.header(d.ask(416, "PATCH", session, "ef", "Content-Range", "4-5"), "Range", "0-2", "Location", "/base"+session)
	d.ask(400, "PATCH", session, "de", "Content-Range", "3-9")
	d.header(d.ask(204, "GET", session, ""), "Range", "0-2")
	d.header(d.ask(202, "PATCH", session, "de"), "Range", "0-4")
	d.ask(400, "PUT", session, "f")
	d.header(d.ask(416, "PUT", session+"?digest="+abc, "f", "Content-Range", "0-0"), "Range", "0-4")
	w = d.ask(201, "PUT", session+"?digest="+abc, "f", "Content-Range", "5-5")
	d.header(w, "Location", "/base/v2/x/y/blobs/"+abc, "Docker-Content-Digest", abc)
	d.ask(204, "DELETE", session, "")
	d.ask(404, "GET", session, "")

	w = d.ask(201, "POST", "/v2/z/blobs/uploads/?mount="+abc+"&from=x/y", "")
	d.header(w, "Location", "/base/v2/z/blobs/"+abc)
	d.ask(202, "POST", "/v2/z/blobs/uploads/?mount="+abc+"&from=other", "")
	d.ask(201, "POST", "/v2/single/blobs/uploads/?digest="+abc, "abcdef")
	d.ask(400, "POST", "/v2/single/blobs/uploads/?digest="+abc, "other")

	w = d.ask(200, "GET", "/v2/z/blobs/"+abc, "")
	d.header(w, "Docker-Content-Digest", abc, "Content-Type", "application/octet-stream", "X-Content-Type-Options", "nosniff", "Cache-Control", "immutable")
	if w.Body.String() != "abcdef" {
		t.Errorf("blob %q", w.Body)
	}
	d.ask(404, "GET", "/v2/elsewhere/blobs/"+abc, "")
	d.ask(202, "DELETE", "/v2/z/blobs/"+abc, "")
}

// TestExactly: without Content-Length the chunk is counted.
func TestExactly(t *testing.T) {
	for text, ok := range map[string]bool{"ab": false, "abc": true, "abcd": false, "": false} {
		e := &exactly{r: strings.NewReader(text), left: 3}
		if _, err := io.ReadAll(e); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if (e.fault == nil) != ok {
			t.Errorf("%q: fault %v", text, e.fault)
		}
	}
}

func TestManifests(t *testing.T) {
	d := newDesk(t)
	d.core.warnings = []string{"one \"odd\" line\nand \\ more \u00e9"}
	body := `{"schemaVersion":2}`
	digest := digestOf([]byte(body))
	w := d.ask(201, "PUT", "/v2/a/b/manifests/"+digest+"?tag=v1&tag=v2", body, "Content-Type", "application/vnd.oci.image.manifest.v1+json; charset=utf-8")
	d.header(w, "Location", "/base/v2/a/b/manifests/"+digest, "Docker-Content-Digest", digest, "OCI-Subject", d256, "OCI-Tag", "v1,v2",
		"Warning", `299 - "one \"odd\" line and \\ more ?"`)
	w = d.ask(200, "GET", "/v2/a/b/manifests/v2", "")
	d.header(w, "Content-Type", "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest", digest, "Cache-Control", "")
	d.header(d.ask(200, "GET", "/v2/a/b/manifests/"+digest, ""), "Cache-Control", "immutable")
	if w.Body.String() != body {
		t.Errorf("manifest %s", w.Body)
	}
	d.ask(202, "DELETE", "/v2/a/b/manifests/v1", "")
	d.ask(404, "GET", "/v2/a/b/manifests/v1", "")
	d.ask(400, "PUT", "/v2/a/b/manifests/v1", body, "Content-Type", ";;")
	w = d.ask(400, "PUT", "/v2/bad/pack/manifests/1.0.0", body, "Content-Type", "application/vnd.oci.image.manifest.v1+json")
	if !strings.Contains(w.Body.String(), `"code":"MANIFEST_INVALID"`) || !strings.Contains(w.Body.String(), `"rule":"values-missing"`) {
		t.Errorf("bad pack: %s", w.Body)
	}
}

func TestLists(t *testing.T) {
	d := newDesk(t)
	d.core.names = []string{"a", "b/c", "d"}
	if w := d.ask(200, "GET", "/v2/_catalog", ""); w.Body.String() != `{"repositories":["a","b/c","d"]}`+"\n" || w.Header().Get("Link") != "" {
		t.Errorf("catalogue %s %v", w.Body, w.Header())
	}
	w := d.ask(200, "GET", "/v2/_catalog?n=2&last=0", "")
	d.header(w, "Link", `</base/v2/_catalog?last=b%2Fc&n=2>; rel="next"`)
	if d.core.asked[0] != 2 || d.core.asked[1] != "0" {
		t.Errorf("asked %v", d.core.asked)
	}
	if w = d.ask(200, "GET", "/v2/x/tags/list?n=0", ""); w.Body.String() != `{"name":"x","tags":[]}`+"\n" || w.Header().Get("Link") != "" {
		t.Errorf("n=0: %s", w.Body)
	}
	d.ask(404, "GET", "/v2/gone/tags/list?n=0", "")
	d.header(d.ask(200, "GET", "/v2/x/tags/list?n=1", ""), "Link", `</base/v2/x/tags/list?last=a&n=1>; rel="next"`)
	d.core.names = nil
	if w = d.ask(200, "GET", "/v2/_catalog", ""); w.Body.String() != `{"repositories":[]}`+"\n" {
		t.Errorf("empty: %s", w.Body)
	}
	w = d.ask(200, "GET", "/v2/x/referrers/"+d256+"?artifactType=a/b", "")
	d.header(w, "OCI-Filters-Applied", "artifactType", "Content-Type", indexType)
	if w.Body.String() != `{"schemaVersion":2,"mediaType":"`+indexType+`","manifests":[]}`+"\n" {
		t.Errorf("referrers %s", w.Body)
	}
	d.header(d.ask(200, "GET", "/v2/x/referrers/"+d256, ""), "OCI-Filters-Applied", "", "Link", "")
	d.header(d.ask(200, "GET", "/v2/x/referrers/"+d256+"?artifactType=many", ""),
		"Link", "</base/v2/x/referrers/"+d256+"?"+url.Values{"artifactType": {"many"}, "last": {d256}}.Encode()+`>; rel="next"`)
	d.header(d.ask(200, "GET", "/v2/x/referrers/"+d256+"?artifactType=many&last="+d256, ""), "Link", "")
	if w = d.ask(200, "GET", "/v2/", ""); w.Body.String() != "{}\n" {
		t.Errorf("ping %s", w.Body)
	}
}
