package scaffold

import (
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
)

// The values of a chart are below charts.NAME what they were at the top, however they are written.
func TestChartValues(t *testing.T) {
	for name, text := range map[string]string{
		"plain":           "a: 1\nb:\n  c: [1, 2]\n",
		"no last newline": "a: 1",
		"comments":        "# top\na: 1 # beside\n\n  # odd\nb: 2\n# end\n",
		"document":        "%YAML 1.1\n---\na: 1\n...\n",
		"document line":   "--- {a: 1}\n",
		"document note":   "--- # values\na: 1\n",
		"text":            "a: |\n  one\n\n    two\n  # no comment\n \n\nb: >-\n  x\n\n\n  y\n",
		"kept ends":       "a: |+\n  one\n\n\nb: 1\n",
		"indented text":   "a: |2\n    four\n   three\nb:\n- |1\n  x\n",
		"blanks in text":  "a: |\n  one\n     \n  two\n",
		"quoted lines":    "a: \"one\n  two\n\nthree\\\n  four\"\nb: 'x\n\n  y'\n",
		"plain lines":     "a: one\n  two\n\n  three\n",
		"anchors":         "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n",
		"flow":            "{a: 1,\nb: [x,\ny]}\n",
		"windows":         "a: 1\r\nb: |\r\n  x\r\n\r\n  y\r\n",
		"mark":            "\xef\xbb\xbfa: 1\n",
		"tags":            "a: !!str 1\nb: !custom {x: 1}\n",
		"keys":            "\"a b\": 1\n? [x]\n: 1\n1.5: x\n",
		"twice":           "a: 1\na: 2\n",
		"template texts":  "a: \"{{ .Values.x }}\"\nb: '{{ tpl }}'\n",
		"tabs":            "a: 1\t# note\nb: \"x\ty\"\n",
		"deep":            "a:\n" + strings.Repeat(" ", 2) + "b:\n" + strings.Repeat(" ", 60) + "c: 1\n",
	} {
		made, err := chartValues("app", "ns", []string{"a/b:1"}, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := check.ParseYAML(withoutBOM([]byte(text)), check.MaxYAMLItems)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !same(made, "app", want) {
			t.Errorf("%s: other values:\n%s", name, made)
		}
		for line := range strings.Lines(text) {
			if i := strings.IndexByte(line, '#'); i >= 0 && !strings.Contains(string(made), strings.TrimSpace(line[i:])) {
				t.Errorf("%s: the comment %q is gone", name, line[i:])
			}
		}
	}
}

func TestChartValuesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n# at all", "---\n", "null\n", "{}\n"} {
		made, err := chartValues("1", "ns", nil, []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		root, err := check.ParseYAML(made, check.MaxYAMLItems)
		if err != nil || child(child(root, "charts"), "1") == nil || !strings.Contains(string(made), "images: []") || !strings.Contains(string(made), "\n  \"1\":") {
			t.Errorf("%q: %v\n%s", text, err, made)
		}
	}
	if _, err := chartValues("a", "ns", nil, []byte("a: [")); !pack.IsKind(err, pack.KindBadPack) {
		t.Errorf("%v", err)
	}
}
