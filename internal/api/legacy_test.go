package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/api/legacy"
	"packregistry/internal/pack/packtest"
)

func TestLegacy(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Anonymous = "logos" })
	h.push(small("alpha", "1.0.0"), "")
	h.push(small("beta", "1.0.0"), "?namespace=prod")
	h.as("reader", "GET", "/v1/_catalog", nil).want(t, 200, `{"repositories":["alpha"]}`)
	h.as("reader", "GET", "/v1/_catalog?namespace=*", nil).want(t, 200, `"prod/beta"`)
	h.as("reader", "GET", "/v1/_catalog?namespace=none", nil).want(t, 200, `{"repositories":[]}`)
	h.as("", "GET", "/v1/", nil).want(t, 401)
	h.as("reader", "GET", "/v1/", nil).want(t, 200, "{}")
	h.as("", "GET", "/v1", nil).want(t, 401)
	h.as("reader", "GET", "/v1", nil).want(t, 200, "{}")

	logo := packtest.Logo(16, 16)
	got := h.as("", "GET", "/v1/alpha/blobs/sha256:"+sha([]byte(logo))+"?type=image/png", nil).want(t, 200)
	if got.body != logo || got.header.Get("Content-Type") != "image/png" || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("logo: %v", got.header)
	}
	values := h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.0.0/files/values.yaml", nil).want(t, 200).body
	h.as("", "GET", "/v1/alpha/blobs/sha256:"+sha([]byte(values))+"?type=image/png", nil).want(t, 401)
	h.as("", "GET", "/api/v1/packs/alpha/versions/1.0.0/files/logo.png", nil).want(t, 200)
	h.as("", "GET", "/api/v1/packs/alpha/versions/1.0.0/files/values.yaml", nil).want(t, 401)
	h.as("", "GET", "/api/v1/packs/alpha", nil).want(t, 401)
	h.as("reader", "GET", "/v1/alpha/blobs/sha256:"+strings.Repeat("0", 64), nil).want(t, 404)
	h.as("reader", "GET", "/v1/alpha/blobs/md5:12", nil).want(t, 400, "digest_invalid")
}

// TestLegacyManifest follows a reader of distribution's shape: catalogue, tags, manifest, every blob of it.
func TestLegacyManifest(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.2.3", packtest.File("docs/a.md", "text")), "")
	h.push(small("alpha", "1.10.0"), "")
	h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/LTS__stable", []byte(`{"version":"1.2.3"}`), "Content-Type", "application/json").want(t, 200)
	tags := h.as("reader", "GET", "/v1/alpha/tags/list", nil).want(t, 200)
	if want := `{"name":"alpha","tags":["1.10.0","1.10.x","1.2.3","1.2.x","1.x","LTS__stable"]}` + "\n"; tags.body != want {
		t.Errorf("tags %s", tags.body)
	}
	for _, ref := range []string{"1.2.3", "1.2.x", "LTS__stable", "latest"} {
		got := h.as("reader", "GET", "/v1/alpha/manifests/"+ref, nil).want(t, 200)
		if got.header.Get(legacy.ExperimentalHeader) == "" || got.header.Get("Content-Type") != "application/vnd.oci.image.manifest.v1+json" {
			t.Errorf("headers %v", got.header)
		}
		var m struct {
			SchemaVersion int
			Config        struct{ Digest string }
			Layers        []struct {
				Digest      string
				Size        int
				Annotations map[string]string
			}
		}
		if err := json.Unmarshal([]byte(got.body), &m); err != nil || m.SchemaVersion != 2 {
			t.Fatal(err, got.body)
		}
		config := ""
		for _, l := range m.Layers {
			blob := h.as("reader", "GET", "/v1/alpha/blobs/"+l.Digest, nil).want(t, 200)
			if len(blob.body) != l.Size || "sha256:"+sha([]byte(blob.body)) != l.Digest {
				t.Errorf("%s: blob and descriptor differ", l.Annotations["org.opencontainers.image.title"])
			}
			if l.Annotations["org.opencontainers.image.title"] == "pack.json" {
				config = l.Digest
			}
		}
		if config == "" || config != m.Config.Digest {
			t.Errorf("the config is %q, pack.json %q", m.Config.Digest, config)
		}
		if again := h.as("reader", "GET", "/v1/alpha/manifests/"+ref, nil); again.body != got.body {
			t.Error("the manifest is another one the second time")
		}
	}
	if head := h.as("reader", "HEAD", "/v1/alpha/tags/list", nil).want(t, 200); head.body != "" {
		t.Error("HEAD with a body")
	}
	h.as("reader", "GET", "/v1/alpha/manifests/9.9.9", nil).want(t, 404, "version_not_found")
	h.as("reader", "GET", "/v1/nothing/tags/list", nil).want(t, 404, "pack_not_found")
	h.as("", "GET", "/v1/alpha/tags/list", nil).want(t, 401)
}

// TestLegacyCapture sends what no route answers, with secrets everywhere, and reads the log.
func TestLegacyCapture(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	body := `{"name":"hush-a","auth":{"password":"hush-b","n":7},"list":["hush-c","hush-d"],"on":true,"none":null}`
	h.as("reader", "POST", "/v1/alpha/blobs/uploads/?digest=sha256:12&secret=hush-e", []byte(body),
		"X-Api-Token", "hush-f", "Cookie", "hush=g", "User-Agent", "packsync/1").want(t, 404, `"code":"legacy_route_unknown"`)
	got := h.as("reader", "PUT", "/v1/alpha/manifests/1.0.0", []byte("hush-h")).want(t, 405, `"code":"method_not_allowed"`)
	if got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", got.header.Get("Allow"))
	}
	h.as("reader", "BREW", "/v1/tea", nil).want(t, 404, `"code":"legacy_route_unknown"`)
	h.as("reader", "POST", "/v1", nil).want(t, 405)
	h.as("reader", "POST", "/v1/big", bytes.Repeat([]byte("hush "), 200_000)).want(t, 404)
	h.as("", "POST", "/v1/anonymous", []byte(`{"hush":1}`)).want(t, 401)
	h.as("wrong", "GET", "/v1/stranger", nil).want(t, 401)
	// Elsewhere nothing is captured.
	h.as("reader", "POST", "/v3/alpha", []byte(body)).want(t, 404, "route_not_found")

	var captures []map[string]any
	for line := range strings.Lines(log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == "unknown legacy request" {
			captures = append(captures, record)
		}
	}
	if len(captures) != 7 || strings.Contains(log.String(), "hush") || strings.Contains(log.String(), `"pw"`) {
		t.Fatalf("%d captures: %s", len(captures), log.String())
	}
	first := captures[0]
	headers, query := first["headers"].(map[string]any), first["query"].(map[string]any)
	if first["method"] != "POST" || first["path"] != "/v1/alpha/blobs/uploads/" || first["requestId"] == "" ||
		query["digest"] != "sha256:12" || query["secret"] != "(6 bytes)" || headers["User-Agent"] != "packsync/1" ||
		headers["Authorization"] != "" || headers["X-Api-Token"] != "" || headers["Cookie"] != "" {
		t.Errorf("capture %v", first)
	}
	if want := `json {"name":string(6),"auth":{"password":string(6),"n":number},"list":[string(6)]*2,"on":boolean,"none":null}`; first["bodyShape"] != want {
		t.Errorf("body %v", first["bodyShape"])
	}
	if captures[4]["bodyRead"] != float64(32<<10) || captures[4]["contentLength"] != float64(1_000_000) {
		t.Errorf("big body %v", captures[4])
	}
	if _, read := captures[5]["bodyShape"]; read {
		t.Error("the body of someone without credentials was read")
	}
}

// TestLegacyLogos takes the digests that public logo URLs hold (palette-contract 1.7) and
// asks for them under the names of the real packs.
func TestLegacyLogos(t *testing.T) {
	vectors := map[string]string{"fluentbit": "012fbab2", "kubebench": "28c233e5", "antrea": "3c5704ca", "csi-vsphere-volume": "2cd106b3"}
	h := newHouse(t, func(c *Config) { c.Anonymous = "logos" })
	found := 0
	for _, path := range packtest.RealPacks(t) {
		base := filepath.Base(path)
		for file, digest := range vectors {
			if !strings.HasPrefix(base, file+"-") {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > testArchiveLimit {
				continue
			}
			v := h.push(data, "")
			logo := h.as("", "GET", "/api/v1/packs/"+v.Name+"/versions/"+v.Version+"/files/logo.png", nil).want(t, 200).body
			if !strings.HasPrefix(sha([]byte(logo)), digest) {
				continue // another version's logo; the public one is of some version
			}
			got := h.as("", "GET", "/v1/"+v.Name+"/blobs/sha256:"+sha([]byte(logo))+"?type=image/png", nil).want(t, 200)
			if got.body != logo || got.header.Get("Content-Type") != "image/png" {
				t.Errorf("%s: the public address gives %d bytes as %s", base, len(got.body), got.header.Get("Content-Type"))
			}
			found++
			delete(vectors, file)
		}
	}
	if found == 0 {
		t.Error("none of the public digests is the logo of a real pack")
	}
	t.Logf("not among the real packs: %v", vectors)
}
