package oci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
)

const (
	web      = "spectro-packs/archive/web"
	webInFul = "default/" + web
)

// orasManifest is what oras 1.0.0 writes for a file (palette-contract 3.3).
func orasManifest(layer []byte, title, more string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.unknown.config.v1+json","digest":"%s","size":2},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d,`+
		`"annotations":{"org.opencontainers.image.title":"%s"}}],"annotations":{"org.opencontainers.image.created":"2026-11-22T10:00:00Z"}%s}`,
		sha([]byte("{}")), sha(layer), len(layer), title, more)
}

// oras pushes a pack as oras does and gives its manifest.
func (e *env) oras(repo, version string, layer []byte, more string) ([]byte, *oci.PutResult) {
	e.t.Helper()
	m := e.prepare(repo, layer, more)
	return m, e.push(repo, version, m)
}

// prepare pushes the blobs of a pack and gives a manifest that names them.
func (e *env) prepare(repo string, layer []byte, more string) []byte {
	e.t.Helper()
	e.pushBlob(repo, []byte("{}"))
	e.pushBlob(repo, layer)
	return orasManifest(layer, "web-1.0.0.tar.gz", more)
}

func (e *env) rest(body []byte, want db.Outcome, force bool) *pack.Version {
	e.t.Helper()
	u := uploadOf(body)
	if force {
		u.Force, u.Message = true, "because of the test"
	}
	p, err := e.reg.Publish(e.t.Context(), u)
	e.must(err)
	if p.Outcome != want {
		e.t.Fatalf("outcome %q, want %q", p.Outcome, want)
	}
	return p.Version
}

func uploadOf(body []byte) registry.Upload {
	return registry.Upload{Namespace: "default", Body: bytes.NewReader(body), By: "bob"}
}

func (e *env) resolve(version string) *pack.Version {
	e.t.Helper()
	v, err := e.reg.Resolve(e.t.Context(), "default", "web", version)
	e.must(err)
	return v
}

// changes is how many changes the feed has.
func (e *env) changes() int {
	e.t.Helper()
	head, err := e.db.Head(e.t.Context())
	e.must(err)
	return int(head.Seq)
}

// pulls reads a manifest, its config and its layer, as oras does.
func (e *env) pulls(repo, ref string) (manifest, layer []byte) {
	e.t.Helper()
	m := e.manifest(repo, ref)
	var parsed struct {
		Config struct{ Digest string }
		Layers []struct {
			Digest      string
			Size        int
			Annotations map[string]string
		}
	}
	e.must(json.Unmarshal(m.Bytes, &parsed))
	if got := e.blob(repo, parsed.Config.Digest); string(got) != "{}" {
		e.t.Errorf("config %q", got)
	}
	layer = e.blob(repo, parsed.Layers[0].Digest)
	if len(layer) != parsed.Layers[0].Size {
		e.t.Errorf("the layer has %d bytes, not %d", len(layer), parsed.Layers[0].Size)
	}
	return m.Bytes, layer
}

func TestAPackPushed(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		layer := packtest.PackTarGz("web", "1.0.0", packtest.Without("logo.png"))
		m, result := e.oras(web, "1.0.0", layer, "")
		if result.Digest != sha(m) || !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, "logo.png") }) {
			t.Errorf("%+v", result)
		}
		v := e.resolve("1.0.0")
		if v.PushedBy != "alice" || v.Revision != 1 || string(v.TarGzDigest) != sha(layer) || !v.TarGzStored {
			t.Errorf("%+v", v)
		}
		for _, repo := range []string{web, webInFul} {
			for _, ref := range []string{"1.0.0", sha(m)} {
				gotM, gotL := e.pulls(repo, ref)
				if !bytes.Equal(gotM, m) || !bytes.Equal(gotL, layer) {
					t.Errorf("%s of %s is not what was pushed", ref, repo)
				}
			}
		}
		// The zip, by its digest, is no blob of this face.
		e.noBlob(web, string(v.Digest))
		e.noManifest(web, "1.0.x")
		tags, _, err := e.Tags(t.Context(), web, 0, "")
		if err != nil || !slices.Equal(tags, []string{"1.0.0"}) {
			t.Errorf("tags %v %v", tags, err)
		}
		before := e.changes()
		if r := e.push(web, "1.0.0", m); r.Digest != sha(m) || len(r.Warnings) != 1 {
			t.Errorf("%+v", r)
		}
		odd := strings.Replace(string(m), "web-1.0.0.tar.gz", "./web-1.0.0.tar.gz", 1)
		if r := e.push(web, "1.0.0", []byte(strings.Replace(odd, `"config":`, `"artifactType":"a/b","config":`, 1))); len(r.Warnings) != 3 {
			t.Errorf("%+v", r)
		}
		e.push(web, "1.0.0", m)
		if e.changes() != before {
			t.Error("the same push again is a change")
		}
		// It outlives the rights that came with the push.
		e.clean()
		e.pulls(web, "1.0.0")
		e.noSpools()
	})
}

// TestOnePackThroughBothFaces: what is there already is the same version, whatever face it came by.
func TestOnePackThroughBothFaces(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		zip := packtest.PackZip("web", "1.0.0")
		v := e.rest(zip, db.Created, false)
		made, layer := e.pulls(web, "1.0.0")
		if string(v.TarGzDigest) != sha(layer) {
			t.Error("the layer is not the tar.gz of REST")
		}
		want := strings.Replace(string(orasManifest(layer, "web-1.0.0.tar.gz", "")), "2026-11-22T10:00:00Z", v.PushedAt.Format("2006-01-02T15:04:05Z"), 1)
		if string(made) != want {
			t.Errorf("made\n%s\nwant\n%s", made, want)
		}
		before := e.changes()

		// Pulled and pushed back: nothing happens at all.
		e.oras(web, "1.0.0", layer, "")
		if got, _ := e.pulls(web, sha(made)); !bytes.Equal(got, made) {
			t.Error("the first manifest is gone")
		}
		// The same files packed by someone else: the tag moves, the version does not.
		other := packtest.PackTarGz("web", "1.0.0")
		m, _ := e.oras(webInFul, "1.0.0", other, "")
		gotM, gotL := e.pulls(web, "1.0.0")
		if !bytes.Equal(gotM, m) || !bytes.Equal(gotL, other) {
			t.Error("the tag does not point at the last push")
		}
		if gotM, gotL = e.pulls(web, sha(made)); !bytes.Equal(gotM, made) || !bytes.Equal(gotL, layer) {
			t.Error("the older manifest is not what it was")
		}
		e.rest(zip, db.Same, false)
		e.rest(other, db.Same, false)
		if e.changes() != before {
			t.Errorf("%d changes for the same content", e.changes()-before)
		}
		e.clean()
		e.pulls(web, "1.0.0")
		e.pulls(web, sha(made))

		// Only the newest manifest stands for the version.
		e.must(e.DeleteManifest(t.Context(), web, sha(made), "alice"))
		e.noManifest(web, sha(made))
		e.pulls(web, "1.0.0")
		e.must(e.DeleteManifest(t.Context(), web, sha(m), "alice"))
		e.noManifest(web, "1.0.0")
		e.noManifest(web, sha(m))
		e.noBlob(web, sha(other))
		e.noBlob(web, sha(layer))
		if _, err := e.reg.Resolve(t.Context(), "default", "web", "1.0.0"); !pack.IsKind(err, pack.KindNotFound) {
			t.Errorf("the version is still there: %v", err)
		}
	})
}

func TestAVersionMovesOnlyWhereItMay(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t, func(_ *registry.Config, c *oci.Config) {
			c.Overwrite = func(namespace string) bool { return namespace == "scratch" }
		})
		first, second := packtest.PackTarGz("web", "1.0.0"), packtest.PackTarGz("web", "1.0.0", packtest.File("more.txt", "more"))
		m, _ := e.oras(web, "1.0.0", first, "")
		err := e.tryPush(web, "1.0.0", e.prepare(web, second, ""))
		if denied := wantKind(t, err, pack.KindForbidden, "denied"); !strings.Contains(denied.Message, "force=true") || !strings.Contains(denied.Message, "namespaces.default.overwrite") {
			t.Errorf("no way out: %s", denied.Message)
		}
		if got, _ := e.pulls(web, "1.0.0"); !bytes.Equal(got, m) {
			t.Error("the refused push moved the tag")
		}
		// By force over REST: the digests seen before stay.
		e.rest(second, db.Replaced, true)
		now, layer := e.pulls(web, "1.0.0")
		if bytes.Equal(now, m) || !bytes.Equal(layer, second) {
			t.Error("the tag is not the new revision")
		}
		e.clean()
		if _, got := e.pulls(web, sha(m)); !bytes.Equal(got, first) {
			t.Error("the overwritten layer is not what it was")
		}
		e.must(e.DeleteManifest(t.Context(), web, "1.0.0", "alice"))
		for _, gone := range []string{sha(m), sha(now), "1.0.0"} {
			e.noManifest(web, gone)
		}
		e.noBlob(web, sha(first))

		scratch := "scratch/" + web
		old, _ := e.oras(scratch, "1.0.0", first, "")
		e.oras(scratch, "1.0.0", second, "")
		if v, err := e.reg.Resolve(t.Context(), "scratch", "web", "1.0.0"); err != nil || v.Revision != 2 {
			t.Errorf("%+v %v", v, err)
		}
		// An overwritten digest can be ended by itself.
		e.pulls(scratch, sha(old))
		e.must(e.DeleteManifest(t.Context(), scratch, sha(old), "alice"))
		e.noManifest(scratch, sha(old))
		if _, got := e.pulls(scratch, "1.0.0"); !bytes.Equal(got, second) {
			t.Error("the current revision went too")
		}
	})
}

func TestPacksThatAreRefused(t *testing.T) {
	e := embedded(t)
	tarGz := packtest.PackTarGz("web", "1.0.0")
	two := strings.Replace(string(orasManifest(tarGz, "x", "")), `"layers":[`, fmt.Sprintf(`"layers":[{"mediaType":"a","digest":"%s","size":2},`, sha([]byte("{}"))), 1)
	short := strings.Replace(string(orasManifest(tarGz, "x", "")), fmt.Sprintf(`"size":%d`, len(tarGz)), `"size":1`, 1)
	index := `{"schemaVersion":2,"mediaType":"` + typeIndex + `","manifests":[]}`
	for _, c := range []struct {
		name, repo, ref string
		layer           []byte
		manifest, rule  string
	}{
		{"another version", web, "2.0.0", tarGz, "", "version-mismatch"},
		{"another name", "spectro-packs/archive/other", "1.0.0", tarGz, "", "name-mismatch"},
		{"a zip", web, "1.0.0", packtest.PackZip("web", "1.0.0"), "", "layer-not-tar-gz"},
		{"no archive", web, "v1", []byte("hello"), "", "layer-not-tar-gz"},
		{"an empty layer", web, "v1", nil, "", "layer-not-tar-gz"},
		{"a bad pack", web, "1.0.0", packtest.PackTarGz("web", "1.0.0", packtest.Without("values.yaml")), "", "values-missing"},
		{"two layers", web, "1.0.0", tarGz, two, "manifest-layers"},
		{"another size", web, "1.0.0", tarGz, short, "manifest-size"},
		{"an index", web, "1.0.0", tarGz, index, "manifest-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := e.on(t)
			m := e.prepare(c.repo, c.layer, "")
			if c.manifest != "" {
				m = []byte(c.manifest)
			}
			bad := wantKind(t, e.tryPush(c.repo, c.ref, m), pack.KindBadPack, "manifest_invalid")
			if !slices.ContainsFunc(bad.Findings, func(f pack.Finding) bool { return f.Rule == c.rule && f.Severity == pack.SeverityError }) {
				t.Errorf("findings %+v", bad.Findings)
			}
			e.noManifest(c.repo, c.ref)
			e.noSpools()
		})
	}
	_, err := e.PutManifest(t.Context(), oci.Put{Repo: web, Reference: "1.0.0", Tags: []string{"1.0.1"}, Body: e.prepare(web, tarGz, "")})
	wantKind(t, err, pack.KindBadPack, "manifest_invalid")
	missing := orasManifest([]byte("never pushed"), "x", "")
	wantKind(t, e.tryPush(web, "1.0.0", missing), pack.KindNotFound, "manifest_blob_unknown")
	wantKind(t, e.tryPush("a/b/c/d/e/"+web, "1.0.0", missing), pack.KindInvalid, "name_invalid")
	if n := e.changes(); n != 0 {
		t.Errorf("%d changes", n)
	}
}

// TestFirstNeedOnManyReplicas: all who ask at once see one manifest, also while a push sets another.
func TestFirstNeedOnManyReplicas(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		e.rest(packtest.PackZip("web", "1.0.0"), db.Created, false)
		cores := []*env{e, e.replica(), e.replica()}
		seen := make([]string, 9)
		var wg sync.WaitGroup
		for i := range seen {
			wg.Go(func() {
				m, err := cores[i%3].Manifest(t.Context(), web, "1.0.0")
				if err != nil {
					t.Error(err)
					return
				}
				seen[i] = m.Digest
			})
		}
		wg.Wait()
		if len(slices.Compact(seen)) != 1 {
			t.Errorf("different manifests: %v", seen)
		}

		// A push that comes between looking and making wins.
		e.rest(packtest.PackZip("web", "2.0.0"), db.Created, false)
		other := packtest.PackTarGz("web", "2.0.0")
		var pushed []byte
		e.db.hook("FirstPackManifest", func() { pushed, _ = cores[1].oras(web, "2.0.0", other, "") })
		for range 2 {
			if m := e.manifest(web, "2.0.0"); pushed == nil || m.Digest != sha(pushed) {
				t.Errorf("the tag is %s, the push was %s", m.Digest, sha(pushed))
			}
		}
	})
}
