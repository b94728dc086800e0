package oci_test

import (
	"bytes"
	"slices"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

func TestRepositories(t *testing.T) {
	e := embedded(t)
	ctx := t.Context()
	var want []string
	for _, ns := range []string{"default", "a", "a/b", "a-b", "z"} {
		for _, name := range []string{"web", "db"} {
			u := registry.Upload{Namespace: ns, Body: bytes.NewReader(packtest.PackZip(name, "1.0.0")), By: "bob"}
			_, err := e.reg.Publish(ctx, u)
			e.must(err)
			want = append(want, ns+"/spectro-packs/archive/"+name)
		}
	}
	for _, repo := range []string{"a/app", "spectro-packs/archive", "a/spectro-packs/archivex/web", "zz"} {
		e.push(repo, "latest", e.image(repo, ""))
		want = append(want, repo)
	}
	e.pushBlob("only/a/blob", []byte("x"))
	e.push("no/tag", sha(e.image("no/tag", "")), e.image("no/tag", ""))
	// Ordinary content in packs' repositories must not hide what comes after it on a page.
	for _, repo := range []string{"a/spectro-packs/archive/web", "a/spectro-packs/archive/db", "a/spectro-packs/archive/none"} {
		e.push(repo, "latest", e.image(repo, ""))
	}
	slices.Sort(want)
	all, more, err := e.Repositories(ctx, 0, "")
	if err != nil || more || !slices.Equal(all, want) {
		t.Errorf("%v %v\n%v\n%v", more, err, all, want)
	}
	for n := 1; n <= len(want)+1; n++ {
		var got []string
		last := ""
		for {
			page, more, err := e.Repositories(ctx, n, last)
			e.must(err)
			if len(page) > n || (more && len(page) != n) {
				t.Fatalf("a page of %d for %d", len(page), n)
			}
			got = append(got, page...)
			if !more {
				break
			}
			last = page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %v", n, got)
		}
	}
	// A replica that has listed them sees at once what another one changes.
	other := e.replica()
	e.must(other.reg.DeletePack(ctx, "a/b", "web", "bob"))
	if all, _, err = e.Repositories(ctx, 0, ""); err != nil || slices.Contains(all, "a/b/"+web) || len(all) != len(want)-1 {
		t.Errorf("%v %v", all, err)
	}
	_, _, err = e.Tags(ctx, "no/where", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	_, _, err = e.Tags(ctx, "spectro-packs/archive/nothing", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown")
	tags, _, err := e.Tags(ctx, "a/spectro-packs/archive/none", 0, "")
	if err != nil || len(tags) != 0 {
		t.Errorf("%v %v", tags, err)
	}
}
