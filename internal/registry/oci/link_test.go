package oci_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage/storagetest"
)

func linking(t testing.TB) change {
	return func(r *registry.Config, c *oci.Config) {
		r.Linker = storagetest.NewLinks(t, r.Store)
		c.Linker = r.Linker
	}
}

// linked fetches a blob from its address; false when it has none.
func (e *env) linked(repo, digest string) ([]byte, bool) {
	e.t.Helper()
	b, err := e.Blob(e.t.Context(), repo, digest)
	e.must(err)
	if b.Link == nil {
		return nil, false
	}
	address, err := b.Link(e.t.Context(), "application/octet-stream", "")
	e.must(err)
	resp, err := http.Get(address)
	e.must(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	e.must(err)
	return data, true
}

// TestLinksOfBlobs: what was pushed has an address, whatever its digest is of; what is made for a pack has none.
func TestLinksOfBlobs(t *testing.T) {
	e := embedded(t, linking(t))
	body := []byte("some bytes of a layer")
	d := e.pushBlob("team/app", body)
	if got, ok := e.linked("team/app", d); !ok || string(got) != string(body) {
		t.Errorf("a pushed blob: %q, an address: %v", got, ok)
	}
	e.must(e.PutBlob(t.Context(), "team/app", "alice", sha512hex(body), bytes.NewReader(body)))
	if got, ok := e.linked("team/app", sha512hex(body)); !ok || string(got) != string(body) {
		t.Errorf("by its SHA-512: %q, an address: %v", got, ok)
	}

	for name, c := range map[string]struct {
		archive []byte
		linked  bool
	}{"zipped": {packtest.PackZip("zipped", "1.0.0"), false}, "tarred": {packtest.PackTarGz("tarred", "1.0.0"), true}} {
		p, err := e.reg.Publish(t.Context(), registry.Upload{Namespace: "default", Body: bytes.NewReader(c.archive), By: "alice"})
		e.must(err)
		repo := "default/spectro-packs/archive/" + name
		got, ok := e.linked(repo, string(p.Version.TarGzDigest))
		if ok != c.linked || ok && sha(got) != string(p.Version.TarGzDigest) {
			t.Errorf("the layer of %s has an address: %v, want %v", name, ok, c.linked)
		}
		if _, ok := e.linked(repo, sha([]byte("{}"))); ok {
			t.Error("the empty config lies in no store")
		}
	}

	without := embedded(t)
	d = without.pushBlob("team/app", body)
	if _, ok := without.linked("team/app", d); ok {
		t.Error("an address that nobody wanted")
	}
}

func TestNoLinkToALostBlob(t *testing.T) {
	e := embedded(t, linking(t))
	d := e.pushBlob("team/app", []byte("bytes"))
	b, err := e.Blob(t.Context(), "team/app", d)
	e.must(err)
	e.must(e.store.Delete(t.Context(), pack.Digest(d)))
	_, err = b.Link(t.Context(), "", "")
	wantKind(t, err, pack.KindCorrupt, "")
	e.must(e.DeleteBlob(t.Context(), "team/app", d, "alice"))
	_, err = b.Link(t.Context(), "", "")
	wantKind(t, err, pack.KindNotFound, "blob_unknown")
}
