package legacy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBodyShape(t *testing.T) {
	for body, want := range map[string]string{
		"":                          "empty",
		"PK\x03\x04...":             "zip",
		"\x1f\x8b\x08":              "gzip",
		"\x00\x01\x02\x03\x04":      "binary",
		"a=secret&b=":               "form a b",
		"one\ntwo secrets":          "text, 2 lines",
		` [1, 2, {"a": "b"}]`:       "json [number]*3",
		`[]`:                        "json []*0",
		`{"a":"bcd","e`:             `json {"a":string(3) (cut off)`,
		`{"a":}`:                    `json {"a": (not JSON from here on)`,
		`{"a":{"b":[{"c":false}]}}`: `json {"a":{"b":[{"c":boolean}]*1}}`,
	} {
		if got := bodyShape([]byte(body)); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

// TestShapesAreBounded holds for any body: no end of text, and no value of a JSON string.
func TestShapesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if got := bodyShape(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")); len(got) > maxShape+64 {
			t.Fatalf("%d bytes", len(got))
		}
		keys := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,9}`), 0, 300).Draw(t, "keys")
		var b strings.Builder
		b.WriteString(strings.Repeat(`{"deep":`, len(keys)) + "{")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(`"` + k + `":"SECRET"`)
		}
		b.WriteString(strings.Repeat("}", len(keys)+1))
		if got := bodyShape([]byte(b.String())); len(got) > maxShape+64 || strings.Contains(got, "SECRET") {
			t.Fatalf("shape %.200s", got)
		}
	})
	if got := bodyShape([]byte(strings.Repeat("[", maxBody))); !strings.Contains(got, "cut off") {
		t.Errorf("deep arrays: %.100s", got)
	}
}

func TestOwns(t *testing.T) {
	for path, want := range map[string]bool{"/v1": true, "/v1/": true, "/v1/x": true, "/v10": false, "/api/v1/packs": false, "/": false} {
		if Owns(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
