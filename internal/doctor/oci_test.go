package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// layout is an OCI registry of one pack a namespace, which can be made wrong: the examination must notice what
// our own face never does.
type layout struct {
	repos   []string
	title   string
	layers  int
	tags    []string
	blob    string
	digest  string // of Docker-Content-Digest, instead of the true one
	noHead  bool
	byTag   bool // manifests are not had by digest
	pageLen int
	link    string // instead of the true Link
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

const layerBytes = "the bytes of the layer"

func (l *layout) manifest() string {
	var layers []map[string]any
	for range l.layers {
		layers = append(layers, map[string]any{
			"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha(layerBytes), "size": len(layerBytes),
			"annotations": map[string]string{"org.opencontainers.image.title": l.title},
		})
	}
	text, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (l *layout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "palette" || password != "pw" {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(401)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	switch {
	case path == "":
		io.WriteString(w, "{}")
	case path == "_catalog":
		first, _ := slices.BinarySearch(l.repos, r.URL.Query().Get("last"))
		if r.URL.Query().Get("last") != "" {
			first++
		}
		last := len(l.repos)
		if l.pageLen > 0 && first+l.pageLen < last {
			last = first + l.pageLen
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?last=%s>; rel="next"`, l.repos[last-1]))
		}
		if l.link != "" {
			w.Header().Set("Link", l.link)
		}
		json.NewEncoder(w).Encode(map[string]any{"repositories": l.repos[first:last]})
	case strings.HasSuffix(path, "/tags/list"):
		json.NewEncoder(w).Encode(map[string]any{"name": strings.TrimSuffix(path, "/tags/list"), "tags": l.tags})
	case strings.Contains(path, "/manifests/"):
		if l.byTag && strings.Contains(path, "sha256:") {
			w.WriteHeader(404)
			io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not found here"}]}`)
			return
		}
		digest := sha(l.manifest())
		if l.digest != "" {
			digest = l.digest
		}
		if l.noHead && r.Method == http.MethodHead {
			w.WriteHeader(405)
			return
		}
		w.Header().Set("Docker-Content-Digest", digest)
		io.WriteString(w, l.manifest())
	case strings.HasSuffix(path, "/blobs/"+sha(layerBytes)):
		io.WriteString(w, l.blob)
	default:
		w.WriteHeader(404)
	}
}

// right is a layout without a fault.
func right() *layout {
	return &layout{
		repos: []string{"default/spectro-packs/archive/alpha", "images/nginx", "spectro-packs/spectro-packs/archive/beta", "team/edge/spectro-packs/archive/alpha"},
		title: "alpha-1.0.0.tar.gz", layers: 1, tags: []string{"1.0.0"}, blob: layerBytes,
	}
}

func TestOCI(t *testing.T) {
	face := newFace(t, nil)
	for _, tt := range []struct {
		name   string
		change func(*layout)
		check  string
		status Status
		part   string
	}{
		{"right", func(*layout) {}, "OCI pack", OK, ""},
		{"in pages", func(l *layout) { l.pageLen = 1 }, "OCI catalogue", OK, "4 repositories, 3 packs"},
		{"pages without end", func(l *layout) { l.link = `</v2/_catalog>; rel="next"` }, "OCI catalogue", Failed, "do not end"},
		{"pages elsewhere", func(l *layout) { l.link = `<https://elsewhere.example/v2/_catalog>; rel="next"` }, "OCI catalogue", Failed, "lead elsewhere"},
		{"no pack", func(l *layout) { l.repos = []string{"images/nginx"} }, "OCI catalogue", Warning, "upload a pack"},
		{"no tag", func(l *layout) { l.tags = nil }, "OCI tags", Failed, "no tag"},
		{"other digest", func(l *layout) { l.digest = sha("x") }, "OCI manifest", Failed, "its bytes are"},
		{"not by digest", func(l *layout) { l.byTag = true }, "OCI manifest", Failed, "not found here"},
		{"no HEAD", func(l *layout) { l.noHead = true }, "OCI manifest", Failed, "lets HEAD pass"},
		{"no layer", func(l *layout) { l.layers = 0 }, "OCI manifest", Failed, "no layer"},
		{"title with a folder", func(l *layout) { l.title = "dir/alpha.tar.gz" }, "OCI layer", Warning, "plain file name"},
		{"other bytes", func(l *layout) { l.blob = "x" }, "OCI pack", Failed, "digest is not"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := right()
			tt.change(l)
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v2/") {
					l.ServeHTTP(w, r)
					return
				}
				face.ServeHTTP(w, r)
			}), time.Now(), "127.0.0.1")
			r := examine(t, h.options())
			r.want(t, tt.check, tt.status, tt.part)
			f := r.Forms[len(r.Forms)-1]
			if f.Kind != "oci" || f.Endpoint != h.URL || f.ProviderType != "pack" || f.Certificate == "" {
				t.Fatalf("form %+v", f)
			}
			if want := []string{"default", "spectro-packs", "team/edge"}; tt.status == OK && !slices.Equal(f.BaseContentPaths, want) {
				t.Errorf("base content paths %v, want %v", f.BaseContentPaths, want)
			}
		})
	}
}

// TestManifestsBox looks at the box "Contains Spectro Manifests" of the form: it is ticked for the base
// content paths with platform manifests (palette-contract 4.2 and 6.5), and the legacy form has none.
func TestManifestsBox(t *testing.T) {
	face := newFace(t, nil)
	for _, tt := range []struct {
		name  string
		repos []string
		ticks bool
		text  string
		paths []string
	}{
		{"none", []string{"default/spectro-packs/archive/alpha", "spectro-manifests/manifest", "images/manifest"}, false, "off", []string{"default"}},
		{"all", []string{"spectro-packs/spectro-manifests/manifest", "spectro-packs/spectro-packs/archive/alpha"}, true, "on", []string{"spectro-packs"}},
		{"one of two", []string{"default/spectro-packs/archive/alpha", "mirror/spectro-manifests/manifest"}, true, "on for mirror, else off", []string{"default", "mirror"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := right()
			l.repos = tt.repos
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v2/") {
					l.ServeHTTP(w, r)
					return
				}
				face.ServeHTTP(w, r)
			}), time.Now(), "127.0.0.1")
			r := examine(t, h.options())
			f := r.Forms[len(r.Forms)-1]
			if f.Kind != "oci" || f.ContainsSpectroManifest == nil || *f.ContainsSpectroManifest != tt.ticks || !slices.Equal(f.BaseContentPaths, tt.paths) {
				t.Fatalf("form %+v", f)
			}
			if want := "  Contains Spectro Manifests " + tt.text + "\n"; strings.Count(r.Text(), want) != 1 {
				t.Errorf("not once %q in\n%s", want, r.Text())
			}
			if r.Forms[0].Kind != "legacy" || r.Forms[0].ContainsSpectroManifest != nil {
				t.Errorf("legacy form %+v", r.Forms[0])
			}
		})
	}
}
