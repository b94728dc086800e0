package api

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"packregistry/internal/api/gen"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func TestUpload(t *testing.T) {
	h := newHouse(t, nil)
	data := small("alpha", "1.2.3")
	got := h.as("publisher", "POST", "/api/v1/packs", data, "Content-Type", "application/x-www-form-urlencoded").want(t, 201)
	if loc := got.header.Get("Location"); loc != "/api/v1/packs/alpha/versions/1.2.3" {
		t.Errorf("Location %q", loc)
	}
	if !strings.Contains(got.body, `"warnings":[`) {
		t.Errorf("no list of warnings: %s", got.body)
	}
	v := decode[pack.Version](t, got)
	if v.Digest != pack.Digest("sha256:"+sha(data)) || v.PushedBy != "publisher" || v.Revision != 1 || v.Manifest == nil {
		t.Errorf("document %+v", v)
	}
	h.as("publisher", "POST", "/api/v1/packs", data).want(t, 200)
	h.as("publisher", "PUT", "/api/v1/packs/alpha/versions/1.2.3", data).want(t, 200)
	h.as("publisher", "PUT", "/api/v1/packs/alpha/versions/9.9.9", data).want(t, 422, "version-mismatch")
	h.as("publisher", "PUT", "/api/v1/packs/alpha/versions/latest", data).want(t, 400, "version_invalid")

	other := small("alpha", "1.2.3", packtest.File("NOTES.txt", "other"))
	h.as("publisher", "POST", "/api/v1/packs", other).want(t, 409, `"code":"version_exists"`, "force=true")
	h.as("publisher", "POST", "/api/v1/packs?force=true", other).want(t, 400, "message_required")
	h.as("publisher", "POST", "/api/v1/packs?force=perhaps", other).want(t, 400, "the parameter force must be true or false")
	replaced := decode[pack.Version](t, h.as("publisher", "POST", "/api/v1/packs?force=true&message=mend", other).want(t, 201))
	if replaced.Revision != 2 || replaced.Message != "mend" {
		t.Errorf("replaced %+v", replaced)
	}

	loc := h.as("publisher", "POST", "/api/v1/packs?namespace=team/edge", packtest.PackTarGz("beta", "2.0.0")).want(t, 201).header.Get("Location")
	h.as("reader", "GET", loc, nil).want(t, 200, `"namespace":"team/edge"`)
	h.as("publisher", "POST", "/api/v1/packs?namespace=*", data).want(t, 400, "namespace_invalid")
}

func TestUploadPreconditions(t *testing.T) {
	h := newHouse(t, nil)
	data := small("alpha", "1.0.0")
	h.as("publisher", "POST", "/api/v1/packs", data, "If-Match", `"sha256:`+strings.Repeat("0", 64)+`"`).want(t, 412)
	h.as("publisher", "POST", "/api/v1/packs", data, "If-Match", "nonsense").want(t, 400, "if_match_invalid")
	h.as("publisher", "POST", "/api/v1/packs", data, "If-None-Match", `"x"`).want(t, 400, "if_none_match_invalid")
	h.as("publisher", "POST", "/api/v1/packs", data, "If-None-Match", "*").want(t, 201)
	h.as("publisher", "POST", "/api/v1/packs", data, "If-None-Match", "*").want(t, 412)
}

func TestBadUploads(t *testing.T) {
	h := newHouse(t, nil)
	got := h.as("publisher", "POST", "/api/v1/packs", small("alpha", "1.0.0", packtest.Without("values.yaml"))).want(t, 422)
	p := decode[gen.Problem](t, got)
	if p.Code != "pack_invalid" || len(p.Findings) == 0 || p.Findings[0].Severity != pack.SeverityError || p.RequestId == "" {
		t.Errorf("problem %+v", p)
	}
	h.as("publisher", "POST", "/api/v1/packs", []byte("no archive at all")).want(t, 415)
	h.as("publisher", "POST", "/api/v1/packs", nil).want(t, 415, `"code":"unsupported"`, "this is empty, 0 bytes")
	big := decode[gen.Problem](t, h.as("publisher", "POST", "/api/v1/packs", make([]byte, testArchiveLimit+1)).want(t, 413))
	if big.Limit != testArchiveLimit {
		t.Errorf("limit %d", big.Limit)
	}
	// The same when the length is not told.
	chunked := ask(t, h.Server, "publisher", "POST", "/api/v1/packs", io.MultiReader(bytes.NewReader(make([]byte, 2*testArchiveLimit))))
	if p := decode[gen.Problem](t, chunked.want(t, 413)); p.Limit != testArchiveLimit {
		t.Errorf("limit %d", p.Limit)
	}
	h.as("reader", "GET", "/api/v1/packs", nil).want(t, 200, `"items":[]`)
}

// form builds a multipart body; a part is name=value, or name@file for a file.
func form(t *testing.T, parts ...string) (body []byte, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i < len(parts); i += 2 {
		var part io.Writer
		var err error
		if name, file, ok := strings.Cut(parts[i], "@"); ok {
			part, err = w.CreateFormFile(name, file)
		} else {
			part, err = w.CreateFormField(parts[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), w.FormDataContentType()
}

func TestMultipart(t *testing.T) {
	h := newHouse(t, nil)
	one, two := string(small("alpha", "1.0.0")), string(small("alpha", "1.0.0", packtest.File("x.txt", "x")))
	post := func(parts ...string) answer {
		t.Helper()
		body, kind := form(t, parts...)
		return h.as("publisher", "POST", "/api/v1/packs", body, "Content-Type", kind)
	}
	post("note", "hi").want(t, 400, "file_missing")
	post("file@a.zip", one, "file@b.zip", two).want(t, 400, "file_repeated")
	post("file@a.zip", one, "force", "true").want(t, 400, "field_late")
	post("message", strings.Repeat("m", 20_000), "file@a.zip", one).want(t, 400, "field_too_long")
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprint("f", i), "v")
	}
	post(append(many, "file@a.zip", one)...).want(t, 400, "too_many_fields")
	h.as("publisher", "POST", "/api/v1/packs", []byte("--x\r\n"), "Content-Type", "multipart/form-data; boundary=x").want(t, 400)
	h.as("publisher", "POST", "/api/v1/packs", []byte("x"), "Content-Type", "multipart/form-data").want(t, 400)
	body, kind := form(t, "file@a.zip", one)
	h.as("publisher", "POST", "/api/v1/packs", body[:len(body)-100], "Content-Type", kind).want(t, 400)
	h.as("reader", "GET", "/api/v1/packs", nil).want(t, 200, `"items":[]`)

	post("file@a.zip", one).want(t, 201)
	post("anything@a.bin", two).want(t, 409)
	post("force", "true", "file@b.zip", two).want(t, 400, "message_required")
	post("force", "true", "message", "why", "file@b.zip", two).want(t, 201, `"revision":2`, `"message":"why"`)
}

func TestValidate(t *testing.T) {
	h := newHouse(t, nil)
	h.as("reader", "POST", "/api/v1/validate", small("alpha", "1.0.0")).want(t, 200, `"valid":true`, `"findings":[`)
	h.as("reader", "POST", "/api/v1/validate", small("alpha", "1.0.0", packtest.With("layer", "nonsense"))).want(t, 200, `"valid":false`, `"severity":"error"`)
	h.as("reader", "GET", "/api/v1/packs/alpha", nil).want(t, 404, "pack_not_found")
}

// TestUploadsInFlight holds one upload open and tries a second.
func TestUploadsInFlight(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.MaxUploads = 1 })
	data := small("alpha", "1.0.0")
	r, w := io.Pipe()
	first := make(chan answer)
	go func() { first <- ask(t, h.Server, "publisher", "POST", "/api/v1/packs", r) }()
	if _, err := w.Write(data[:10]); err != nil { // returns once the server asks for the body
		t.Fatal(err)
	}
	for len(h.api.uploads) == 0 { // the transport may have read ahead of the server
		time.Sleep(time.Millisecond)
	}
	got := h.as("publisher", "POST", "/api/v1/packs", data).want(t, 429, "too_many_uploads")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if _, err := w.Write(data[10:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	(<-first).want(t, 201)
	h.as("publisher", "POST", "/api/v1/packs", data).want(t, 200)
	h.as("reader", "GET", "/metrics", nil).want(t, 200, "registry_uploads_in_flight 0", `registry_publishes_total{outcome="created"} 1`)
}

// TestChecksLeaveRoomForUploads holds as many checks open as there may be: an upload still gets in.
func TestChecksLeaveRoomForUploads(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.MaxUploads = 2 })
	data := small("alpha", "1.0.0")
	r, w := io.Pipe()
	first := make(chan answer)
	go func() { first <- ask(t, h.Server, "reader", "POST", "/api/v1/validate", r) }()
	if _, err := w.Write(data[:10]); err != nil {
		t.Fatal(err)
	}
	for len(h.api.checks) == 0 {
		time.Sleep(time.Millisecond)
	}
	h.as("reader", "POST", "/api/v1/validate", data).want(t, 429, "too_many_uploads")
	h.as("publisher", "POST", "/api/v1/packs", data).want(t, 201)
	if _, err := w.Write(data[10:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	(<-first).want(t, 200, `"valid":true`)
}

func TestSmallBodiesOnly(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	long := `{"version":"` + strings.Repeat("x", smallBody) + `"}`
	h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/stable", []byte(long)).want(t, 413, "body_too_large")
}
