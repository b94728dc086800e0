package pack_test

import (
	"errors"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

// wantCode fails unless err is KindInvalid with the code; "" wants no error.
func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *pack.Error
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case code == "":
	case !errors.As(err, &e) || e.Kind != pack.KindInvalid || e.Code != code || e.Message == "":
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}

func TestValidateName(t *testing.T) {
	for _, good := range []string{"a", "argo-cd", "csi--x", "a.b_c__d", "0", strings.Repeat("a", 128)} {
		wantCode(t, good, pack.ValidateName(good), "")
	}
	for _, bad := range []string{"", "A", "-a", "a-", "a..b", "a___b", "a/b", "a b", "ä", "*", "a\n", strings.Repeat("a", 129)} {
		wantCode(t, bad, pack.ValidateName(bad), "name_invalid")
	}
}

func TestValidateNamespace(t *testing.T) {
	for _, good := range []string{"default", "team/edge", "a/b/c/d"} {
		wantCode(t, good, pack.ValidateNamespace(good), "")
	}
	for _, bad := range []string{"", "*", "/", "a/", "/a", "a//b", "a/b/c/d/e", "Team", "a/../b", "a/" + strings.Repeat("b", 129)} {
		wantCode(t, bad, pack.ValidateNamespace(bad), "namespace_invalid")
	}
}

func TestValidateVersion(t *testing.T) {
	for _, good := range []string{"1", "1.5", "v1.12.0", "1.28.13-rke2r1-build20240815", "1.0_2", "1.2.beta", "1--2", strings.Repeat("1", 128)} {
		wantCode(t, good, pack.ValidateVersion(good), "")
	}
	for _, bad := range []string{
		"", "latest", "v", "va", "V1", "stable", "1+2", "1/2", " 1", "1 ", "1..2", "1.", ".1", "1-", "1.-a", "1_", "1__2", "LTS__1",
		"1.x", "1.16.x", "v1.x", "1.X", "1\n", "-1", "_1", "1é", strings.Repeat("1", 129),
	} {
		wantCode(t, bad, pack.ValidateVersion(bad), "version_invalid")
	}
}

func TestValidateTag(t *testing.T) {
	for _, good := range []string{"stable", "LTS__20.04", "1.16.x", "latest", "A-b.c__D", strings.Repeat("a", 128)} {
		wantCode(t, good, pack.ValidateTag(good), "")
	}
	for _, bad := range []string{"", "__a", "a__", "a___b", "a__b__c", "a_b", "-a", ".a", "a/b", "a b", "ä", "a:b", strings.Repeat("a", 129)} {
		wantCode(t, bad, pack.ValidateTag(bad), "tag_invalid")
	}
}

func TestValidateGroup(t *testing.T) {
	wantCode(t, "none", pack.ValidateGroup(""), "")
	wantCode(t, "LTS", pack.ValidateGroup("LTS"), "")
	for _, bad := range []string{" ", "a b", "a__b", "-a", "a/b"} {
		wantCode(t, bad, pack.ValidateGroup(bad), "group_invalid")
	}
}

func TestIsParentTagSpelling(t *testing.T) {
	for tag, want := range map[string]bool{
		"1.x": true, "1.16.x": true, "LTS__18.4.x": true, "v1.x": true, "01.x": true,
		"x": false, "stable.x": false, "1.16": false, "1x": false, "LTS__stable": false, "1.x.1": false,
	} {
		if pack.IsParentTagSpelling(tag) != want {
			t.Errorf("IsParentTagSpelling(%q) = %v", tag, !want)
		}
	}
}

func TestParseReference(t *testing.T) {
	hex := strings.Repeat("0a", 32)
	for in, want := range map[string]pack.Reference{
		"latest":         {Latest: true},
		"sha256:" + hex:  {Digest: pack.Digest("sha256:" + hex)},
		"1.5":            {Label: "1.5"},
		"LTS__18.4.x":    {Label: "LTS__18.4.x"},
		"stable":         {Label: "stable"},
		"LTS__1.0_2-rc1": {Label: "LTS__1.0_2-rc1"},
	} {
		got, err := pack.ParseReference(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "-a", "a/b", "a b", "é", "*", "../x", strings.Repeat("a", 129)} {
		_, err := pack.ParseReference(bad)
		wantCode(t, bad, err, "reference_invalid")
	}
	for _, bad := range []string{"sha256:", "sha256:" + strings.ToUpper(hex), "sha512:" + hex, "a:b", "sha256:" + hex + "0"} {
		_, err := pack.ParseReference(bad)
		wantCode(t, bad, err, "digest_invalid")
	}
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"", "latest", "1.5", "LTS__20.04", "sha256:" + strings.Repeat("a", 64), "sha256:x", "a\x00b", "__"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := pack.ParseReference(s)
		if err != nil {
			if pack.KindOf(err) != pack.KindInvalid || ref != (pack.Reference{}) {
				t.Fatalf("%q: %v, %+v", s, err, ref)
			}
			return
		}
		meanings := 0
		for _, set := range []bool{ref.Latest, ref.Digest != "", ref.Label != ""} {
			if set {
				meanings++
			}
		}
		if meanings != 1 {
			t.Fatalf("%q means %+v", s, ref)
		}
		if ref.Label != "" && (ref.Label != s || strings.ContainsAny(s, "/\\ \x00\n:")) {
			t.Fatalf("%q became %+v", s, ref)
		}
	})
}
