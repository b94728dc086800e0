package pack_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"packregistry/internal/pack"
)

func TestParentTags(t *testing.T) {
	for _, c := range []struct {
		version, group string
		want           []string
	}{
		{"1.16.1", "", []string{"1.16.x", "1.x"}},
		{"18.04.4", "LTS", []string{"LTS__18.4.x", "LTS__18.x"}},
		{"1.5", "", []string{"1.5.x", "1.x"}},
		{"v1.12.0", "", []string{"1.12.x", "1.x"}},
		{"20.09.0", "", []string{"20.9.x", "20.x"}},
		{"0.0.3", "", []string{"0.0.x", "0.x"}},
		{"1.2.3.4", "", []string{"1.2.x", "1.x"}},
		{"2.0.2-up.3", "", []string{"2.0.x", "2.x"}},
		{"2024", "", nil},
		{"1." + strings.Repeat("2", 126), "", []string{"1.x"}},
		{"1." + strings.Repeat("2", 20), strings.Repeat("g", 123), []string{strings.Repeat("g", 123) + "__1.x"}},
		{"stable", "LTS", nil},
	} {
		if diff := cmp.Diff(c.want, pack.ParentTags(c.version, c.group)); diff != "" {
			t.Errorf("%s %s: %s", c.version, c.group, diff)
		}
	}
}

func TestDeriveTags(t *testing.T) {
	versions := []pack.TagSource{
		{Version: "1.16.1"},
		{Version: "1.16.9", Deprecated: true},
		{Version: "1.16.10-rc.1"},
		{Version: "1.17.0-rc.2"},
		{Version: "1.17.0-rc.10"},
		{Version: "20.04.2", Group: "LTS"},
		{Version: "7"},
	}
	hand := []pack.Tag{
		{Tag: "stable", Version: "1.16.1"},
		{Tag: "1.16.20", Version: "1.16.1"},      // a version by its label: heads the line 1.16.x
		{Tag: "LTS__20.4.9", Version: "20.04.2"}, // in its group
		{Tag: "1.16.9", Version: "1.16.1"},       // the own tag wins
		{Tag: "gone", Version: "9.9.9"},          // its version is not there
		{Tag: "1.x", Version: "1.16.1"},          // never by hand
	}
	want := []pack.Tag{
		{Tag: "1.16.1", Version: "1.16.1", Kind: pack.TagOwn},
		{Tag: "1.16.10-rc.1", Version: "1.16.10-rc.1", Kind: pack.TagOwn},
		{Tag: "1.16.20", Version: "1.16.1", Kind: pack.TagCustom},
		{Tag: "1.16.9", Version: "1.16.9", Kind: pack.TagOwn},
		{Tag: "1.16.x", Version: "1.16.1", Kind: pack.TagParent},
		{Tag: "1.17.0-rc.10", Version: "1.17.0-rc.10", Kind: pack.TagOwn},
		{Tag: "1.17.0-rc.2", Version: "1.17.0-rc.2", Kind: pack.TagOwn},
		{Tag: "1.17.x", Version: "1.17.0-rc.10", Kind: pack.TagParent},
		{Tag: "1.x", Version: "1.16.1", Kind: pack.TagParent},
		{Tag: "7", Version: "7", Kind: pack.TagOwn},
		{Tag: "LTS__20.04.2", Version: "20.04.2", Kind: pack.TagOwn},
		{Tag: "LTS__20.4.9", Version: "20.04.2", Kind: pack.TagCustom},
		{Tag: "LTS__20.4.x", Version: "20.04.2", Kind: pack.TagParent},
		{Tag: "LTS__20.x", Version: "20.04.2", Kind: pack.TagParent},
		{Tag: "stable", Version: "1.16.1", Kind: pack.TagCustom},
	}
	if diff := cmp.Diff(want, pack.DeriveTags(versions, hand)); diff != "" {
		t.Error(diff)
	}
	if got := pack.DeriveTags(nil, hand); len(got) != 0 {
		t.Errorf("tags of no version: %v", got)
	}
}

func TestLatest(t *testing.T) {
	for _, c := range []struct {
		want string
		of   []pack.TagSource
	}{
		{"", nil},
		{"1.10.0", []pack.TagSource{{Version: "1.9.0"}, {Version: "1.10.0"}, {Version: "2.0.0-rc.1"}}},
		{"1.9.0", []pack.TagSource{{Version: "1.9.0"}, {Version: "1.10.0", Deprecated: true}}},
		{"2.0.0-rc.1", []pack.TagSource{{Version: "1.9.0", Deprecated: true}, {Version: "2.0.0-rc.1"}}},
		{"2.0.2-up.4", []pack.TagSource{{Version: "2.0.2-up.4"}, {Version: "2.0.2-up.3"}}},
	} {
		if got := pack.Latest(c.of); got != c.want {
			t.Errorf("Latest(%v) = %q, want %q", c.of, got, c.want)
		}
	}
}

// A line holds exactly its members, and its tag leads to the best of them.
func TestLinesHoldTheirVersions(t *testing.T) {
	group := rapid.SampledFrom([]string{"", "LTS"})
	version := rapid.Custom(func(t *rapid.T) string {
		v := rapid.StringMatching(`v?[0-3]\.0?[0-3](\.[0-9])?(-(rc|[0-9])(\.[0-9])?)?`).Draw(t, "v")
		return v
	})
	rapid.Check(t, func(t *rapid.T) {
		var sources []pack.TagSource
		seen := map[string]bool{}
		for _, v := range rapid.SliceOfN(version, 0, 12).Draw(t, "versions") {
			if !seen[v] {
				seen[v] = true
				sources = append(sources, pack.TagSource{Version: v, Group: group.Draw(t, "group")})
			}
		}
		tags := pack.DeriveTags(sources, nil)
		if !slices.IsSortedFunc(tags, func(a, b pack.Tag) int { return strings.Compare(a.Tag, b.Tag) }) {
			t.Fatalf("not sorted: %v", tags)
		}
		byTag := map[string]pack.Tag{}
		for _, tag := range tags {
			if _, twice := byTag[tag.Tag]; twice {
				t.Fatalf("tag %s twice", tag.Tag)
			}
			byTag[tag.Tag] = tag
		}
		lines := map[string]bool{}
		for _, s := range sources {
			if got := byTag[pack.OwnTag(s.Version, s.Group)]; got.Version != s.Version || got.Kind != pack.TagOwn {
				t.Fatalf("own tag of %v is %v", s, got)
			}
			for _, p := range pack.ParentTags(s.Version, s.Group) {
				lines[p] = true
				head := byTag[p].Version
				if !slices.ContainsFunc(sources, func(h pack.TagSource) bool {
					return h.Version == head && slices.Contains(pack.ParentTags(h.Version, h.Group), p)
				}) {
					t.Fatalf("%s leads out of its line, to %q", p, head)
				}
				better := !pack.IsPrerelease(s.Version) && pack.IsPrerelease(head)
				same := pack.IsPrerelease(s.Version) == pack.IsPrerelease(head)
				if better || (same && pack.CompareVersions(s.Version, head) > 0) {
					t.Fatalf("%s leads to %s, but %s is better", p, head, s.Version)
				}
			}
		}
		if len(tags) != len(sources)+len(lines) {
			t.Fatalf("%d tags, want %d own and %d parents", len(tags), len(sources), len(lines))
		}
	})
}
