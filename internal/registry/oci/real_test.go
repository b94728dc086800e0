package oci_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// TestRealPacks: each real pack (every fourth, in test-full all), uploaded over REST, is pulled here and pushed into another catalogue, where it has the
// same content; pushed back to where it came from, it is no change.
func TestRealPacks(t *testing.T) {
	packs := packtest.Every(4, packtest.RealPacks(t))
	from, to := embedded(t), embedded(t)
	for _, path := range packs {
		zip, err := os.ReadFile(path)
		from.must(err)
		v := from.rest(zip, db.Created, false)
		repo := "spectro-packs/archive/" + v.Name
		made, layer := from.pulls(repo, v.Version)
		if sha(layer) != string(v.TarGzDigest) {
			t.Errorf("%s: another layer than REST's", repo)
		}
		before := from.changes()
		to.pushBlob(repo, []byte("{}"))
		to.pushBlob(repo, layer)
		to.push(repo, v.Version, made)
		from.pushBlob(repo, layer)
		from.push(repo, v.Version, made)
		from.rest(layer, db.Same, false)
		to.rest(zip, db.Same, false)
		if from.changes() != before {
			t.Errorf("%s: a push of the same content is a change", repo)
		}
		w, err := to.reg.Resolve(t.Context(), "default", v.Name, v.Version)
		from.must(err)
		if w.ContentDigest != v.ContentDigest {
			t.Errorf("%s: other content after the way through", repo)
		}
		if got, l := to.pulls(repo, sha(made)); !bytes.Equal(got, made) || !bytes.Equal(l, layer) {
			t.Errorf("%s: not the bytes that were pushed", repo)
		}
	}
	from.clean()
	to.clean()
	names, _, err := to.Repositories(t.Context(), 0, "")
	from.must(err)
	tags := 0
	for _, n := range names {
		ts, _, err := to.Tags(t.Context(), n, 0, "")
		from.must(err)
		tags += len(ts)
	}
	if tags != len(packs) {
		t.Errorf("%d tags for %d packs", tags, len(packs))
	}
	// Nothing but what versions need is left of it.
	from.must(to.db.BlobRefs(t.Context(), func(db.BlobRef) error { return nil }))
	if p, err := to.reg.Search(t.Context(), db.Query{Namespace: pack.AllNamespaces, Limit: 1}); err != nil || len(p.Items) == 0 {
		t.Error(fmt.Sprint(p, err))
	}
}
