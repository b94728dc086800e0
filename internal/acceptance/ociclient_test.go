package acceptance

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sort"
	"strings"
	"testing"
)

// The media types of what ORAS 1.0 pushes for a plain file (palette-contract 3.3).
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	configType   = "application/vnd.unknown.config.v1+json"
	titleKey     = "org.opencontainers.image.title"
)

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// reply is an answer of /v2, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// v2 makes a request under /v2 as the administrator; headers are name, value, ...
func (s *server) v2(method, path string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	r, err := s.ask("admin", password, method, path, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (s *server) ask(user, password, method, path string, body io.Reader, headers ...string) (reply, error) {
	if !strings.HasPrefix(path, "/") {
		path = "/v2/" + path
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	if err != nil {
		return reply{}, err
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b}, err
}

// must checks the status and hands the answer on.
func (r reply) must(t *testing.T, status int, what string) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("%s: %d, want %d: %.1000s", what, r.status, status, r.body)
	}
	return r
}

// upload brings a blob in, the way ORAS does: POST, then PUT.
func (s *server) uploadBlob(repo string, data []byte) string {
	s.t.Helper()
	digest := "sha256:" + sum(data)
	if s.v2(http.MethodHead, repo+"/blobs/"+digest, nil).status == http.StatusOK {
		return digest
	}
	at := s.v2(http.MethodPost, repo+"/blobs/uploads/", nil).must(s.t, 202, "start of an upload").header.Get("Location")
	s.v2(http.MethodPut, at+"?digest="+digest, bytes.NewReader(data), "Content-Type", "application/octet-stream").must(s.t, 201, "end of an upload")
	return digest
}

// orasPush pushes one file as ORAS 1.0 does, and returns the answer to the manifest and the manifest's digest.
func (s *server) orasPush(repo, tag, title string, data []byte) (reply, string) {
	s.t.Helper()
	m := manifest{
		SchemaVersion: 2, MediaType: manifestType,
		Config:      descriptor{MediaType: configType, Digest: s.uploadBlob(repo, []byte("{}")), Size: 2},
		Layers:      []descriptor{{MediaType: layerType, Digest: s.uploadBlob(repo, data), Size: int64(len(data)), Annotations: map[string]string{titleKey: title}}},
		Annotations: map[string]string{"org.opencontainers.image.created": "2026-01-02T03:04:05Z"},
	}
	text, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.v2(http.MethodPut, repo+"/manifests/"+tag, bytes.NewReader(text), "Content-Type", manifestType), "sha256:" + sum(text)
}

// orasPull reads a manifest and its one layer, checks what a client checks, and returns the manifest's digest, the manifest and the layer.
func (s *server) orasPull(repo, ref string) (string, manifest, []byte) {
	s.t.Helper()
	head := s.v2(http.MethodHead, repo+"/manifests/"+ref, nil, "Accept", manifestType).must(s.t, 200, "HEAD of "+repo+":"+ref)
	got := s.v2(http.MethodGet, repo+"/manifests/"+ref, nil, "Accept", manifestType).must(s.t, 200, "manifest of "+repo+":"+ref)
	digest := "sha256:" + sum(got.body)
	for _, r := range []reply{head, got} {
		if r.header.Get("Docker-Content-Digest") != digest || r.header.Get("Content-Type") != manifestType {
			s.t.Errorf("%s:%s has digest %s and says %v", repo, ref, digest, r.header)
		}
	}
	var m manifest
	if err := json.Unmarshal(got.body, &m); err != nil {
		s.t.Fatal(err)
	}
	if len(m.Layers) != 1 {
		s.t.Fatalf("%s:%s has %d layers", repo, ref, len(m.Layers))
	}
	for _, d := range []descriptor{m.Config, m.Layers[0]} {
		b := s.v2(http.MethodGet, repo+"/blobs/"+d.Digest, nil).must(s.t, 200, "blob of "+repo+":"+ref).body
		if "sha256:"+sum(b) != d.Digest || int64(len(b)) != d.Size {
			s.t.Fatalf("%s:%s: the blob %s is %d bytes with other content", repo, ref, d.Digest, len(b))
		}
		if d.Digest == m.Layers[0].Digest {
			return digest, m, b
		}
	}
	return digest, m, []byte("{}")
}

// untar lists the files below the one folder of a tar.gz, with the SHA-256 of each.
func untar(t *testing.T, data []byte) (folder string, files map[string]string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return folder, files
		}
		if err != nil {
			t.Fatal(err)
		}
		top, rest, _ := strings.Cut(h.Name, "/")
		if folder == "" {
			folder = top
		}
		if top != folder {
			t.Fatalf("%s lies outside of %s", h.Name, folder)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[rest] = sum(b)
	}
}

// tarball is the pack as its author would make it for ORAS: tar -czf of a folder.
func (a archive) tarball(t *testing.T, folder string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(a.data), int64(len(a.data)))
	if err != nil {
		t.Fatal(err)
	}
	sort.Slice(z.File, func(i, j int) bool { return z.File[i].Name < z.File[j].Name })
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	w := tar.NewWriter(gz)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Name: folder + "/" + f.Name, Mode: 0o644, Size: int64(f.UncompressedSize64), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unzip lists the files of a zip below a single top folder, if all lie in one and none is pack.json at the root.
func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files, prefix := map[string]string{}, ""
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/pack.json") && strings.Count(f.Name, "/") == 1 && prefix == "" {
			prefix = strings.TrimSuffix(f.Name, "pack.json")
		}
		if f.Name == "pack.json" {
			prefix = "/" // never the beginning of a name
		}
	}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(f.Name, prefix)] = sum(b)
	}
	return files
}

// rezip keeps some files of a zip.
func rezip(t *testing.T, data []byte, keep func(name string) bool) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		if !keep(f.Name) {
			continue
		}
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
