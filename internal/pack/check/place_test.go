package check_test

import (
	"strings"
	"testing"

	"packregistry/internal/pack/check"
)

func TestJSONPlace(t *testing.T) {
	text := "{ \"a\" : [ 1 ,\n  {\"b/c\": \"x:, y\", \"e\\u0041\": null} ],\n  \"d\": true , \"d\": false }"
	for pointer, want := range map[string]string{
		"":          text,
		"/a":        text[strings.Index(text, "[") : strings.Index(text, "]")+1],
		"/a/0":      "1",
		"/a/1/b~1c": `"x:, y"`,
		"/a/1/eA":   "null",
		"/d":        "false",
	} {
		start, end, ok := check.JSONPlace([]byte(text), pointer)
		if !ok || text[start:end] != want {
			t.Errorf("%q: %t, %q; want %q", pointer, ok, text[start:end], want)
		}
	}
	for _, gone := range []string{"/x", "/a/2", "/a/1/b", "/a/-1"} {
		if start, end, ok := check.JSONPlace([]byte(text), gone); ok {
			t.Errorf("%q is found at %d:%d", gone, start, end)
		}
	}
	for _, broken := range []string{"", "{", `{"a":1`, "[1", "nonsense", strings.Repeat("[", 1000)} {
		if _, _, ok := check.JSONPlace([]byte(broken), "/b"); ok {
			t.Errorf("%q holds /b", broken)
		}
	}
}

func TestLine(t *testing.T) {
	const manifest = "\xef\xbb\xbf{\n  \"name\": \"a\",\n  \"charts\": [\n    \"x\",\n    \"y\"\n  ]\n}\n"
	const values = "# head\npack:\n  content:\n    images:\n      - image: a\n      - image: b\n  ns: {{ .spectro.var.NS }}\n\"a/b\": 1\n"
	for _, c := range []struct {
		file, text, pointer string
		want                int
	}{
		{"pack.json", manifest, "/charts/1", 5},
		{"pack.json", manifest, "/name", 2},
		{"pack.json", manifest, "/missing", 1},
		{"pack.json", manifest, "/charts/7/x", 3},
		{"pack.json", manifest, "", 0},
		{"pack.json", "no json", "/name", 0},
		{"values.yaml", values, "/pack/content/images/1", 6},
		{"values.yaml", values, "/pack/ns", 7},
		{"values.yaml", values, "/a~1b", 8},
		{"values.yaml", values, "/pack/gone/deeper", 2},
		{"values.yaml", "a: [", "/a", 0},
		{"logo.png", "x", "/a", 0},
	} {
		if got := check.Line(c.file, []byte(c.text), c.pointer); got != c.want {
			t.Errorf("%s %s: line %d, want %d", c.file, c.pointer, got, c.want)
		}
	}
}
