package pack_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"pgregory.net/rapid"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// versionGen makes legal versions of many shapes.
func versionGen() *rapid.Generator[string] {
	number := rapid.StringMatching(`0{0,2}(0|[1-9]|1[0-9]|[1-9][0-9]{0,25})`)
	core := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(number, 1, 5).Draw(t, "core"), ".")
	})
	identifier := rapid.StringMatching(`[0-9]{1,12}|[A-Za-z0-9]|rc[0-9]|[a-z]{1,4}-?[0-9A-Z]{1,3}|a_b`)
	return rapid.Custom(func(t *rapid.T) string {
		v := rapid.SampledFrom([]string{"", "", "v"}).Draw(t, "v") + core.Draw(t, "core")
		if rapid.Bool().Draw(t, "pre") {
			v += "-" + strings.Join(rapid.SliceOfN(identifier, 1, 4).Draw(t, "ids"), ".")
		}
		return v
	}).Filter(func(v string) bool { return pack.ValidateVersion(v) == nil })
}

// modelCompare is the order written the long way, on integers and lists, without keys.
func modelCompare(a, b string) int {
	ca, pa, ra := modelParse(a)
	cb, pb, rb := modelParse(b)
	for i := range max(len(ca), len(cb)) {
		if c := compareNumbers(at(ca, i), at(cb, i)); c != 0 {
			return c
		}
	}
	switch {
	case pa && !pb:
		return -1
	case !pa && pb:
		return 1
	case pa && pb:
		ia, ib := strings.Split(ra, "."), strings.Split(rb, ".")
		for i := range min(len(ia), len(ib)) {
			if c := compareIdentifiers(ia[i], ib[i]); c != 0 {
				return c
			}
		}
		if len(ia) != len(ib) {
			return map[bool]int{true: -1, false: 1}[len(ia) < len(ib)]
		}
	}
	return strings.Compare(a, b)
}

func at(core []string, i int) string {
	if i < len(core) {
		return core[i]
	}
	return "0"
}

func modelParse(v string) (core []string, pre bool, rest string) {
	v = strings.TrimPrefix(v, "v")
	head, rest, pre := strings.Cut(v, "-")
	return strings.Split(head, "."), pre, rest
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return map[bool]int{true: -1, false: 1}[len(a) < len(b)]
	}
	return strings.Compare(a, b)
}

func compareIdentifiers(a, b string) int {
	na, nb := strings.Trim(a, "0123456789") == "", strings.Trim(b, "0123456789") == ""
	switch {
	case na && nb:
		return compareNumbers(a, b)
	case na:
		return -1
	case nb:
		return 1
	}
	return strings.Compare(a, b)
}

func TestKeyOrderIsVersionOrder(t *testing.T) {
	gen := versionGen()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		// A near neighbour, which random pairs seldom are.
		if rapid.Bool().Draw(t, "near") {
			b = strings.TrimPrefix(a, "v") + rapid.SampledFrom([]string{"", ".0", ".1", "-0", "-a", ".00-a.b"}).Draw(t, "tail")
		}
		ab := pack.CompareVersions(a, b)
		if want := modelCompare(a, b); ab != want {
			t.Fatalf("CompareVersions(%q, %q) = %d, want %d", a, b, ab, want)
		}
		if byKey := strings.Compare(pack.VersionKey(a), pack.VersionKey(b)); byKey != ab {
			t.Fatalf("keys of %q and %q compare %d, versions %d", a, b, byKey, ab)
		}
		if pack.CompareVersions(b, a) != -ab || (ab == 0) != (a == b) {
			t.Fatalf("%q and %q: not antisymmetric or not total", a, b)
		}
		if ab <= 0 && pack.CompareVersions(b, c) <= 0 && pack.CompareVersions(a, c) > 0 {
			t.Fatalf("not transitive: %q %q %q", a, b, c)
		}
		if k := pack.VersionKey(a); strings.Trim(k, printableASCII()) != "" || len(k) > 700 {
			t.Fatalf("key of %q is not short printable ASCII: %q", a, k)
		}
	})
}

func printableASCII() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

// Where both sides are SemVer, the order is SemVer's.
func TestOrderAgreesWithSemVer(t *testing.T) {
	number := rapid.StringMatching(`0|[1-9][0-9]{0,3}`)
	identifier := rapid.StringMatching(`0|[1-9][0-9]{0,4}|[a-c][a-z0-9-]{0,2}|-[0-9]a?`)
	gen := rapid.Custom(func(t *rapid.T) string {
		v := strings.Join(rapid.SliceOfN(number, 3, 3).Draw(t, "core"), ".")
		if ids := rapid.SliceOfN(identifier, 0, 3).Draw(t, "ids"); len(ids) > 0 {
			v += "-" + strings.Join(ids, ".")
		}
		return v
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		if rapid.Bool().Draw(t, "same core") {
			if core, _, _ := strings.Cut(a, "-"); core != "" {
				_, rest, pre := strings.Cut(b, "-")
				if b = core; pre {
					b += "-" + rest
				}
			}
		}
		va, errA := semver.StrictNewVersion(a)
		vb, errB := semver.StrictNewVersion(b)
		if errA != nil || errB != nil {
			t.Skip("not SemVer")
		}
		if got, want := pack.CompareVersions(a, b), va.Compare(vb); want != 0 && got != want {
			t.Fatalf("CompareVersions(%q, %q) = %d, SemVer says %d", a, b, got, want)
		}
		if pack.IsPrerelease(a) != (va.Prerelease() != "") {
			t.Fatalf("IsPrerelease(%q) disagrees with SemVer", a)
		}
	})
}

func TestVersionOrderTable(t *testing.T) {
	sorted := []string{
		"0", "0.0.1-0", "0.0.1", "0.0.3", "0.0.18", "0.0.30", "0.30.0-5.5.2026", "0.30.0", "0.61.0",
		"1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-99999999999999999999999", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
		"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0rc1", "1", "1.0", "1.0.0", "v1.0",
		"1.0.0.1", "1.0.5", "1.1.0", "v1.1.0", "1.5", "1.5.0", "1.5.1", "v1.8.7", "1.9.6", "1.11.2", "v1.12.0", "1.16.1",
		"1.28.13-rke2r1-build20240815", "1.28.13", "2.0.2-up.3", "2.0.2-up.4", "2.0.2-up.10", "2.0.2", "2.1",
		"7.7.1908", "18.04.4", "20.09.0", "22.04", "23.01.0", "23.07.1", "25.06.0", "25.7.0", "25.10.0", "26.02.0", "26.02.1", "26.04.4",
		"2024.1.1", "99999999999999999999", "100000000000000000000.1",
	}
	for i, v := range sorted {
		if err := pack.ValidateVersion(v); err != nil {
			t.Errorf("%s: %v", v, err)
		}
		for j, w := range sorted {
			want := 0
			if i != j {
				want = map[bool]int{true: -1, false: 1}[i < j]
			}
			if got := pack.CompareVersions(v, w); got != want {
				t.Errorf("CompareVersions(%q, %q) = %d, want %d", v, w, got, want)
			}
		}
	}
}

// The real versions are legal, and sort the same by key as by the model.
func TestRealVersions(t *testing.T) {
	var versions []string
	for _, path := range packtest.RealPacks(t) {
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := z.Open("pack.json")
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Name, Version string }
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(f); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := pack.ValidateVersion(doc.Version); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if err := pack.ValidateName(doc.Name); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		versions = append(versions, doc.Version)
	}
	byModel := slices.Clone(versions)
	slices.SortFunc(byModel, modelCompare)
	rand.Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
	slices.SortFunc(versions, func(a, b string) int { return strings.Compare(pack.VersionKey(a), pack.VersionKey(b)) })
	if !slices.Equal(versions, byModel) {
		t.Errorf("by key:\n%v\nby model:\n%v", versions, byModel)
	}
}

func FuzzVersion(f *testing.F) {
	for _, v := range []string{"", "1.5", "v1.12.0", "23.07.1", "2.0.2-up.3", "0.30.0-5.5.2026", "1.28.13-rke2r1-build20240815", "1..2", "v", "-", "1.0-", "\x00~\xff"} {
		f.Add(v, "1.5.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		c := pack.CompareVersions(a, b)
		if c != -pack.CompareVersions(b, a) || (c == 0) != (a == b) {
			t.Fatalf("%q and %q: not a total order", a, b)
		}
		if k := pack.VersionKey(a); strings.Trim(k, printableASCII()) != "" {
			t.Fatalf("key of %q: %q", a, k)
		}
		valid := pack.ValidateVersion(a) == nil
		if valid {
			if ref, err := pack.ParseReference(a); err != nil || ref.Label != a {
				t.Fatalf("version %q is no reference: %v", a, err)
			}
			if strings.Contains(a, "_") == (pack.ValidateTag(a) == nil) {
				t.Fatalf("version %q: %v", a, pack.ValidateTag(a))
			}
			if _, err := strconv.Unquote(`"` + a + `"`); err != nil || len(a) > pack.MaxTagLength {
				t.Fatalf("version %q is not plain", a)
			}
		}
		for _, p := range pack.ParentTags(a, "") {
			if !pack.IsParentTagSpelling(p) || (valid && pack.ValidateVersion(p) == nil) {
				t.Fatalf("%q has the parent tag %q", a, p)
			}
		}
	})
}
