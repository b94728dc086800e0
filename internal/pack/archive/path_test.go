package archive

import (
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestCleanPath(t *testing.T) {
	for _, c := range []struct {
		name string
		dir  bool
		want string
		rule string
	}{
		{name: "a", want: "a"},
		{name: "./a/b", want: "a/b"},
		{name: "a/", dir: true, want: "a"},
		{name: "./a/", dir: true, want: "a"},
		{name: "a", dir: true, want: "a"},
		{name: ".", dir: true, want: ""},
		{name: "./", dir: true, want: ""},
		{name: "./", rule: RuleEmptyPath},
		{name: ".", rule: RuleTraversal},
		{name: "./.", dir: true, want: ""},
		{name: "..", dir: true, rule: RuleTraversal},
		{name: "./../a", rule: RuleTraversal},
		{name: ".//a", rule: RuleEmptyPath},
		{name: "a/", rule: RuleEmptyPath},
		{name: "a//", dir: true, rule: RuleEmptyPath},
		{name: "/", dir: true, rule: RuleAbsolute},
		{name: strings.Repeat("x", 255), want: strings.Repeat("x", 255)},
		{name: strings.Repeat("x", 256), rule: RuleLongPath},
		{name: strings.Repeat("\u00e9", 128), rule: RuleLongPath},
		{name: strings.Repeat("abc/", 256)[:1023] + "z", rule: RuleDeepPath},
		{name: "..a/...", want: "..a/..."},
	} {
		got, bad := cleanPath(c.name, c.dir)
		rule := ""
		if bad != nil {
			rule = bad.Rule
		}
		if got != c.want || rule != c.rule {
			t.Errorf("cleanPath(%q, %v) = %q, %q, want %q, %q", c.name, c.dir, got, rule, c.want, c.rule)
		}
	}
}

func TestCleanPathProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune("ab./\\:\x00\n\u00e9\u0301K\u212a "))).Draw(t, "name")
		dir := rapid.Bool().Draw(t, "dir")
		p, bad := cleanPath(name, dir)
		if bad != nil || p == "" {
			return
		}
		if !fs.ValidPath(p) || strings.ContainsAny(p, "\\:\x00\n") {
			t.Fatalf("%q gives %q", name, p)
		}
		if again, bad := cleanPath(p, dir); bad != nil || again != p {
			t.Fatalf("%q gives %q, which gives %q, %v", name, p, again, bad)
		}
		// All spellings that a file system may take for one fold to one key.
		key := foldPath(p)
		for _, other := range []string{strings.ToUpper(p), strings.ToLower(p), norm.NFC.String(p), norm.NFD.String(p), key} {
			if foldPath(other) != key {
				t.Fatalf("%q and %q fold to %q and %q", p, other, key, foldPath(other))
			}
		}
		if strings.Count(key, "/") != strings.Count(p, "/") {
			t.Fatalf("%q folds to %q", p, key)
		}
	})
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"plain":    "plain",
		"a\x00\nb": "a\ufffd\ufffdb",
		"\xff":     "\ufffd",
		"\u202eab": "\ufffdab",
	} {
		if got := show(in); got != want {
			t.Errorf("show(%q) = %q, want %q", in, got, want)
		}
	}
	if got := show(strings.Repeat("x", 5000)); len(got) > 130 {
		t.Errorf("%d bytes of a long name are shown", len(got))
	}
}
