package oci

import (
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"packregistry/internal/db"
)

// TestPartsStayFew: whatever the chunks, the parts are in number bounded by what they hold, and none is lost.
func TestPartsStayFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []db.OCILink
		var total, written int64
		chunks := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(1, 2000), rapid.Int64Range(1, 3*mergeLimit)), 1, 400).Draw(t, "chunks")
		for _, size := range chunks {
			first := firstToMerge(parts, size)
			total += size
			for _, p := range parts[first:] {
				size += p.Size
			}
			written += size
			parts = append(parts[:first:first], db.OCILink{Size: size})
		}
		var sum int64
		for _, p := range parts {
			sum += p.Size
		}
		if sum != total {
			t.Fatalf("%d bytes of %d", sum, total)
		}
		if most := int(2*total/mergeLimit) + bits.Len64(uint64(mergeLimit)) + 1; len(parts) > most {
			t.Fatalf("%d parts for %d bytes, more than %d", len(parts), total, most)
		}
		if written > 30*total {
			t.Fatalf("%d bytes written for %d", written, total)
		}
	})
}

func TestRepositoryNames(t *testing.T) {
	for name, want := range map[string]repository{
		"app":                                   {path: "app"},
		"spectro-packs/archive":                 {path: "spectro-packs/archive"},
		"spectro-packs/archive/web":             {"default/spectro-packs/archive/web", "default", "web"},
		"default/spectro-packs/archive/web":     {"default/spectro-packs/archive/web", "default", "web"},
		"a/b/spectro-packs/archive/web":         {"a/b/spectro-packs/archive/web", "a/b", "web"},
		"spectro-packs/spectro-packs/archive/w": {"spectro-packs/spectro-packs/archive/w", "spectro-packs", "w"},
		"spectro-packs/archive/web/more":        {path: "spectro-packs/archive/web/more"},
		"xspectro-packs/archive/web":            {path: "xspectro-packs/archive/web"},
		"a/xspectro-packs/archive/web":          {path: "a/xspectro-packs/archive/web"},
	} {
		got, err := parseRepository(name)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "/", "a//b", "A", "a/", "/a", "a..b", "a b", "a/b/c/d/e/spectro-packs/archive/web", string(make([]byte, 300))} {
		if _, err := parseRepository(bad); code(err) != "name_invalid" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
