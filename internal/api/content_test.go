package api

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"packregistry/internal/api/gen"
	"packregistry/internal/pack/packtest"
)

func TestArchive(t *testing.T) {
	h := newHouse(t, nil)
	data := small("alpha", "1.2.3")
	v := h.push(data, "")
	for _, ref := range []string{"1.2.3", "latest", "1.2.x", "1.x", string(v.Digest)} {
		got := h.as("reader", "GET", "/api/v1/packs/alpha/versions/"+ref+"/archive", nil).want(t, 200)
		if got.body != string(data) {
			t.Errorf("%s: %d bytes, want %d", ref, len(got.body), len(data))
		}
		wantCache := "no-cache"
		if strings.HasPrefix(ref, "sha256:") {
			wantCache = "private, max-age=31536000, immutable"
		}
		for name, want := range map[string]string{
			"Content-Type": "application/zip", "ETag": `"` + string(v.Digest) + `"`, "Cache-Control": wantCache,
			"Content-Disposition": `attachment; filename="alpha-1.2.3.zip"`, "Accept-Ranges": "bytes",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", ref, name, got.header.Get(name), want)
			}
		}
	}
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.2.3/archive", nil, "Range", "bytes=4-9").want(t, 206, string(data[4:10]))
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.2.3/archive", nil, "If-None-Match", `"`+string(v.Digest)+`"`).want(t, 304)
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.2.3/archive?format=rar", nil).want(t, 400, "format_invalid")
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/9.9.9/archive", nil).want(t, 404, "version_not_found")
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/sha256:12/archive", nil).want(t, 400)
	if head := h.as("reader", "HEAD", "/api/v1/packs/alpha/versions/1.2.3/archive", nil).want(t, 200); head.body != "" {
		t.Error("HEAD with a body")
	}
}

func TestTarGz(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	got := h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.0.0/archive?format=tar.gz", nil).want(t, 200)
	if got.header.Get("ETag") != `"sha256:`+sha([]byte(got.body))+`"` || got.header.Get("Content-Type") != "application/gzip" {
		t.Errorf("headers %v", got.header)
	}
	names := tarNames(t, got.body)
	if !strings.Contains(names, "alpha-1.0.0/pack.json") {
		t.Errorf("tar holds %s", names)
	}
	// The digest of the tar.gz names the tar.gz.
	digest := strings.Trim(got.header.Get("ETag"), `"`)
	if again := h.as("reader", "GET", "/api/v1/packs/alpha/versions/"+digest+"/archive", nil).want(t, 200); again.body != got.body {
		t.Error("the digest of the tar.gz gave other bytes")
	}
	uploaded := packtest.PackTarGz("beta", "1.0.0")
	h.push(uploaded, "")
	if got := h.as("reader", "GET", "/api/v1/packs/beta/versions/1.0.0/archive?format=tar.gz", nil); got.body != string(uploaded) {
		t.Error("an uploaded tar.gz does not come back byte for byte")
	}
}

func tarNames(t *testing.T, data string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(names, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

func TestFiles(t *testing.T) {
	h := newHouse(t, nil)
	const page = "<script>alert(1)</script>"
	h.push(small("alpha", "1.0.0", packtest.File("docs/a b%25.md", "text"), packtest.File("evil.html", page), packtest.File("evil.svg", page)), "")
	base := "/api/v1/packs/alpha/versions/1.0.0/files"
	list := decode[gen.FileList](t, h.as("reader", "GET", base, nil).want(t, 200))
	if len(list.Files) < 7 {
		t.Errorf("files %v", list.Files)
	}
	for _, f := range list.Files {
		got := h.as("reader", "GET", base+"/"+strings.NewReplacer("%", "%25", " ", "%20").Replace(f.Path), nil).want(t, 200)
		if sha([]byte(got.body)) != f.SHA256 || int64(len(got.body)) != f.Size || got.header.Get("ETag") != `"sha256:`+f.SHA256+`"` {
			t.Errorf("%s: the bytes are not those of the list", f.Path)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Security-Policy") != "sandbox; default-src 'none'" {
			t.Errorf("%s: headers %v", f.Path, got.header)
		}
		if strings.HasPrefix(f.Path, "evil") && (got.header.Get("Content-Type") != octetStream || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment")) {
			t.Errorf("%s could act in a browser: %v", f.Path, got.header)
		}
	}
	h.as("reader", "GET", base+"/values.yaml", nil, "Range", "bytes=0-3").want(t, 206, "pack")
	h.as("reader", "GET", base+"/nothing.yaml", nil).want(t, 404, "file_not_found")
	h.as("reader", "GET", base+"/../../../../../etc/passwd", nil).want(t, 404)
	h.as("reader", "GET", base+"/%2e%2e%2fpack.json", nil).want(t, 404)
}
