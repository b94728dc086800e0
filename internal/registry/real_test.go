package registry_test

import (
	"os"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// TestRealPacks takes every real pack in and out: byte for byte as a zip, with the
// same content as a tar.gz.
func TestRealPacks(t *testing.T) {
	archives := packtest.RealPacks(t)
	e := embedded(t)
	for _, name := range archives {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		v := e.publish(upload(body), db.Created)
		if string(e.fetch(v, pack.FormatZip)) != string(body) {
			t.Errorf("%s: the zip is not what was uploaded", name)
		}
		e.publish(upload(e.fetch(v, pack.FormatTarGz)), db.Same)
	}
	client, all := newMirror(), newMirror()
	if err := client.follow(t.Context(), e.Registry, pack.AllNamespaces, 10); err != nil {
		t.Fatal(err)
	}
	if err := all.load(t.Context(), e.Registry, pack.AllNamespaces); err != nil {
		t.Fatal(err)
	}
	if diff := client.diff(all); diff != "" || len(all.versions) != len(archives) {
		t.Errorf("%d packs, %d in the catalogue:\n%s", len(archives), len(all.versions), diff)
	}
	e.clean()
}
