//go:build unix

// The server that these tests start does not build for Windows.

package chart_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
	orasauth "oras.land/oras-go/v2/registry/remote/auth"

	"packregistry/internal/api"
	"packregistry/internal/auth"
	"packregistry/internal/cli/chart"
	"packregistry/internal/client"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage/local"
)

const password = "a-password"

// door lets in who knows the password.
type door struct{}

func (door) Authenticate(_ context.Context, user, given, _ string) (auth.Identity, error) {
	if given != password {
		return auth.Identity{}, pack.Errorf(pack.KindUnauthorized, "", "wrong password")
	}
	return auth.Identity{Name: user, Role: auth.Publisher}, nil
}

// house is our own registry, with something between it and the client when change is not nil.
func house(t *testing.T, change func(http.Handler) http.Handler) (host string) {
	t.Helper()
	dir := t.TempDir()
	catalogue, err := sqlite.Open(context.Background(), filepath.Join(dir, "registry.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := local.New(filepath.Join(dir, "blobs"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	core := registry.New(registry.Config{Store: store, DB: catalogue, Checker: checker, SpoolDir: t.TempDir(), ArchiveLimit: 8 << 20, Log: log, Now: time.Now})
	content := oci.New(oci.Config{
		Registry: core, Store: store, DB: catalogue, OCI: catalogue, SpoolDir: t.TempDir(), ManifestLimit: 4 << 20, BlobLimit: 8 << 20,
		UploadTTL: time.Hour, Log: log, Now: time.Now,
	})
	server, err := api.New(api.Config{Registry: core, OCI: content, BlobLimit: 8 << 20, Auth: door{}, ArchiveLimit: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		server = change(server)
	}
	ts := httptest.NewServer(server)
	t.Cleanup(func() {
		ts.Close()
		if err := catalogue.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// pushLayer pushes one layer as Helm does, or as something else by its media type.
func pushLayer(t *testing.T, host, repository, tag, mediaType string, content []byte) ocispec.Descriptor {
	t.Helper()
	repo, err := remote.NewRepository(host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	repo.Client = &orasauth.Client{Client: http.DefaultClient, Credential: orasauth.StaticCredential(host, orasauth.Credential{Username: "a", Password: password})}
	ctx := context.Background()
	layer, err := oras.PushBytes(ctx, repo, mediaType, content)
	if err != nil {
		t.Fatal(err)
	}
	config, err := oras.PushBytes(ctx, repo, "application/vnd.cncf.helm.config.v1+json", []byte(`{"name":"app"}`))
	if err != nil {
		t.Fatal(err)
	}
	desc, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_0, "", oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}, ConfigDescriptor: &config})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(ctx, desc, tag); err != nil {
		t.Fatal(err)
	}
	return desc
}

const helmLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

func source(ref string) chart.Source {
	return chart.Source{
		Ref: ref, PlainHTTP: true, UserAgent: "test",
		Credentials: func(context.Context, string) (string, string, error) { return "a", password, nil },
	}
}

func TestOCI(t *testing.T) {
	host := house(t, nil)
	packed := func(version string) []byte {
		return []byte(tgz(map[string]string{"Chart.yaml": "name: app\nversion: " + version + "\n"}))
	}
	pushLayer(t, host, "charts/app", "1.0.0", helmLayer, packed("1.0.0"))
	second := pushLayer(t, host, "charts/app", "1.1.0_b1", helmLayer, packed("1.1.0+b1"))
	pushLayer(t, host, "charts/app", "2.0.0-rc.1", helmLayer, packed("2.0.0-rc.1"))
	pushLayer(t, host, "charts/other", "1.0.0", "application/x", []byte("no chart"))

	at := "oci://" + host + "/charts/app"
	for _, c := range []struct{ ref, version, want, from string }{
		{at, "", "1.1.0+b1", at + ":1.1.0_b1"},
		{at + ":1.0.0", "", "1.0.0", at + ":1.0.0"},
		{at + ":1.0.0", "1.0.0", "1.0.0", at + ":1.0.0"},
		{at, "1.0.0", "1.0.0", at + ":1.0.0"},
		{at, "1.1.0+b1", "1.1.0+b1", at + ":1.1.0_b1"},
		{at, "~1.0", "1.0.0", at + ":1.0.0"},
		{at, "2.0.0-rc.1", "2.0.0-rc.1", at + ":2.0.0-rc.1"},
		{at + "@" + string(second.Digest), "", "1.1.0+b1", at + "@" + string(second.Digest)},
	} {
		s := source(c.ref)
		s.Version = c.version
		found, got, err := fetch(t, s)
		if err != nil || string(mustRead(t, got).Version) != c.want || found.From != c.from {
			t.Errorf("%s %s: %+v %v", c.ref, c.version, found, err)
		}
	}
	for ref, kind := range map[string]pack.Kind{
		at + ":9.9.9": pack.KindNotFound, "oci://" + host + "/charts/gone": pack.KindNotFound, at + "@sha256:" + strings.Repeat("0", 64): pack.KindNotFound,
		"oci://" + host + "/charts/other:1.0.0": pack.KindInvalid, at + ":1.0.0@md5:1": pack.KindInvalid,
	} {
		if _, _, err := fetch(t, source(ref)); !pack.IsKind(err, kind) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	s := source(at + ":1.0.0")
	s.Version = "2.0.0"
	if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "--chart-version") {
		t.Error(err)
	}
	s = source(at)
	s.Credentials = nil
	if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindUnauthorized) {
		t.Errorf("without an account: %v", err)
	}
	s.Credentials = func(context.Context, string) (string, string, error) { return "a", "wrong", nil }
	if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindUnauthorized) {
		t.Errorf("with a wrong password: %v", err)
	}
	failing := errors.New("the helper failed")
	s.Credentials = func(context.Context, string) (string, string, error) { return "", "", failing }
	if _, _, err := fetch(t, s); !errors.Is(err, failing) {
		t.Errorf("when the account cannot be had: %v", err)
	}
	var network *client.NetworkError
	if _, _, err := fetch(t, source("oci://127.0.0.1:1/charts/app:1.0.0")); !errors.As(err, &network) {
		t.Errorf("nobody there: %v", err)
	}
}

// Content that is not what its digest says is refused, whichever part it is, and so is what is too large.
func TestOCIThatLies(t *testing.T) {
	var lie func(body []byte, r *http.Request) []byte
	host := house(t, func(in http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || lie == nil {
				in.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			in.ServeHTTP(rec, r)
			body := lie(rec.Body.Bytes(), r)
			for k, v := range rec.Header() {
				if k != "Content-Length" {
					w.Header()[k] = v
				}
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)
		})
	})
	packed := []byte(tgz(map[string]string{"Chart.yaml": head}))
	pushLayer(t, host, "charts/app", "1.2.3", helmLayer, packed)
	s := source("oci://" + host + "/charts/app:1.2.3")
	other := bytes.Clone(packed)
	other[len(other)/2] ^= 1
	for name, f := range map[string]func([]byte, *http.Request) []byte{
		"layer changed": func(b []byte, r *http.Request) []byte { return swap(b, r, "/blobs/", other) },
		"layer longer":  func(b []byte, r *http.Request) []byte { return swap(b, r, "/blobs/", append(bytes.Clone(packed), 'x')) },
		"layer shorter": func(b []byte, r *http.Request) []byte { return swap(b, r, "/blobs/", packed[:40]) },
		"other manifest": func(b []byte, r *http.Request) []byte {
			return swap(b, r, "/manifests/", bytes.Replace(b, []byte("tar"), []byte("TAR"), 1))
		},
	} {
		lie = f
		if _, _, err := fetch(t, s); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	lie = nil
	if _, _, err := fetch(t, s); err != nil {
		t.Errorf("the truth: %v", err)
	}

	// A manifest may claim any size.
	m := ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: helmLayer, Digest: digest.FromString("x"), Size: chart.MaxArchive + 1}}}
	m.SchemaVersion, m.MediaType = 2, ocispec.MediaTypeImageManifest
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	claims := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(text).String())
		_, _ = w.Write(text)
	}))
	defer claims.Close()
	if _, _, err := fetch(t, source("oci://"+strings.TrimPrefix(claims.URL, "http://")+"/a/b:1.0.0")); !pack.IsKind(err, pack.KindTooLarge) {
		t.Errorf("a large layer: %v", err)
	}
}

func swap(b []byte, r *http.Request, what string, by []byte) []byte {
	if strings.Contains(r.URL.Path, what) {
		return by
	}
	return b
}
