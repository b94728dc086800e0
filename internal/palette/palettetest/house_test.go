package palettetest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/palette/palettetest"
)

const apiKey = "the-key"

// fake starts a Palette, with its clock.
func fake(t *testing.T, o palettetest.Options) (*palettetest.Palette, *httptest.Server) {
	t.Helper()
	o.APIKey = apiKey
	p := palettetest.New(o)
	s := httptest.NewTLSServer(p)
	t.Cleanup(func() { p.Close(); s.CloseClientConnections(); s.Close() })
	return p, s
}

type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// call makes a request with the API key; headers are name, value, ...
func call(t *testing.T, s *httptest.Server, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("ApiKey", apiKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{t, resp.StatusCode, resp.Header, string(text)}
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%d, want %d: %s", r.status, status, r.body)
	}
	return r
}

func decode[T any](r reply) (v T) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

// ociBody is a create of an OCI entry for a server of httptest, trusted by its certificate.
func ociBody(t *testing.T, name string, to *httptest.Server, change func(spec, auth map[string]any)) string {
	t.Helper()
	endpoint, cert := "https://127.0.0.1:1", ""
	if to != nil {
		endpoint = to.URL
		cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: to.Certificate().Raw}))
	}
	auth := map[string]any{"type": "basic", "username": "palette", "password": "pw", "tls": map[string]any{"enabled": true, "certificate": cert, "insecureSkipVerify": false}}
	spec := map[string]any{"endpoint": endpoint, "basePath": "", "baseContentPath": "default", "providerType": "pack", "isSyncSupported": true, "auth": auth}
	if change != nil {
		change(spec, auth)
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": name}, "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// syncStatus is what the tests read of a sync.
type syncStatus struct {
	Status, Message, LastRunTime, LastSyncedTime string
	IsSyncSupported                              bool
}

// settled waits until the entry has had so many syncs.
func settled(t *testing.T, p *palettetest.Palette, s *httptest.Server, uid string, n int) syncStatus {
	t.Helper()
	for p.Finished(uid) < n {
		time.Sleep(5 * time.Millisecond)
	}
	return decode[syncStatus](call(t, s, "GET", "/v1/registries/oci/"+uid+"/basic/sync/status", "").want(200))
}

// shown is version to values of what Palette shows of a pack; nil is nothing.
func shown(t *testing.T, s *httptest.Server, uid, name string) map[string]string {
	t.Helper()
	r := call(t, s, "GET", "/v1/packs/"+name+"/registries/"+uid, "")
	if r.status == http.StatusNotFound {
		return nil
	}
	pack := decode[struct {
		Tags       []struct{ Version, PackUID string }
		PackValues []struct{ PackUID, Values string }
	}](r.want(200))
	out := map[string]string{}
	for i, tag := range pack.Tags {
		if pack.PackValues[i].PackUID != tag.PackUID {
			t.Errorf("values are of %s, the tag of %s", pack.PackValues[i].PackUID, tag.PackUID)
		}
		out[tag.Version] = pack.PackValues[i].Values
	}
	return out
}

// tiny is the least registry that packs can be read from, as wrong as a test wants it.
type tiny struct {
	mu    sync.Mutex
	files map[string][]byte // by path
	link  string
}

func newTiny(t *testing.T) (*tiny, *httptest.Server) {
	r := &tiny{files: map[string][]byte{"/v2/": []byte("{}")}}
	s := httptest.NewTLSServer(r)
	t.Cleanup(s.Close)
	return r, s
}

func (r *tiny) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if user, pass, ok := req.BasicAuth(); !ok || user != "palette" || pass != "pw" {
		w.Header().Set("WWW-Authenticate", `Basic realm="tiny"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	body, ok := r.files[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	if r.link != "" {
		w.Header().Set("Link", r.link)
	}
	if strings.Contains(req.URL.Path, "/manifests/") {
		w.Header().Set("Docker-Content-Digest", digest(body))
	}
	w.Write(body)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// push puts a version there as ORAS 1.0 does; change may spoil its manifest.
func (r *tiny) push(t *testing.T, repo, tag string, layer []byte, change func(m map[string]any, layer map[string]any)) string {
	t.Helper()
	name := repo[strings.LastIndex(repo, "/")+1:]
	l := map[string]any{
		"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": len(layer),
		"annotations": map[string]string{"org.opencontainers.image.title": name + "-" + tag + ".tar.gz"},
	}
	m := map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []any{l},
		"config": map[string]any{"mediaType": "application/vnd.unknown.config.v1+json", "digest": digest([]byte("{}")), "size": 2},
	}
	if change != nil {
		change(m, l)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files["/v2/"+repo+"/blobs/"+digest(layer)] = layer
	r.files["/v2/"+repo+"/manifests/"+digest(text)] = text
	r.files["/v2/"+repo+"/manifests/"+tag] = text
	r.list()
	return digest(text)
}

// drop takes away what lies below a path.
func (r *tiny) drop(prefix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.files, func(path string, _ []byte) bool { return strings.HasPrefix(path, prefix) })
	r.list()
}

// list makes the catalogue and the tags anew.
func (r *tiny) list() {
	tags := map[string][]string{}
	for path := range r.files {
		repo, ref, ok := strings.Cut(strings.TrimPrefix(path, "/v2/"), "/manifests/")
		if ok && !strings.HasPrefix(ref, "sha256:") {
			tags[repo] = append(tags[repo], ref)
		}
	}
	for repo, list := range tags {
		slices.Sort(list)
		r.files["/v2/"+repo+"/tags/list"], _ = json.Marshal(map[string]any{"name": repo, "tags": list})
	}
	r.files["/v2/_catalog"], _ = json.Marshal(map[string]any{"repositories": slices.Sorted(maps.Keys(tags))})
}

func (r *tiny) set(path string, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[path] = bytes.Clone(body)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
