package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTemplate(t *testing.T) {
	got, err := ParseTemplate(`{{ required | format "${string:/^[a-z]{2,3}$/}/${number:[-5-10.5]} \"q\" ${list:[A, B]}:${version}" | hints "one" "two | three" }}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Format) != 7 || got.Format[0].Pattern == nil || !got.Format[0].Pattern.MatchString("abc") || got.Format[0].Pattern.MatchString("abcd") {
		t.Fatalf("%+v", got)
	}
	got.Format[0].Pattern = nil
	want := Template{
		Required: true,
		Format: []FormatPart{
			{Type: "string"},
			{Literal: "/"},
			{Type: "number", Ranged: true, Min: -5, Max: 10.5},
			{Literal: ` "q" `},
			{Type: "list", Choices: []string{"A", "B"}},
			{Literal: ":"},
			{Type: "version"},
		},
		Hints: []string{"one", "two | three"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, good := range []string{
		`{{ required }}`, `{{readonly}}`, `{{ format "${password}" }}`, `{{ format "${boolean}" | hints "x"}}`, "  {{ required\n| readonly }}\n",
		`{{ format "${ipv4} - ${ipv4}" }}`, `{{ format "literal" }}`, `{{ format "${string:/\d+\.\d+/}" }}`, `{{ format "${bool}" }}`,
	} {
		if _, err := ParseTemplate(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, odd := range []string{
		"", "required", "{{ required", "{{ }}", "{{ required | }}", "{{ | required }}", `{{ required "x" }}`, "{{ wanted }}",
		"{{ format }}", `{{ format "a" "b" }}`, `{{ format "${string" }}`, `{{ format "${input}" }}`, `{{ format "${string:/(/}" }}`,
		`{{ format "${string:/}" }}`, `{{ format "${number:[9-1]}" }}`, `{{ format "${number:[a-b]}" }}`, `{{ format "${list:A}" }}`,
		`{{ format "${boolean:[A]}" }}`, "{{ hints }}", `{{ hints "x }}`, `{{ hints x }}`, `{{ format ${string} }}`,
	} {
		if got, err := ParseTemplate(odd); err == nil {
			t.Errorf("%s: accepted as %+v", odd, got)
		}
	}
}

func TestReplaceMacros(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"a: {{ .x }}\n":                       "a: macro\n",
		"a: \"{{ .x }}-{{ .y }}\"\n":          "a: \"macro-macro\"\n",
		"{{ .k }}: 1\n":                       "macro: 1\n",
		"a:\n  {{- .block }}  \nb: 1\n":       "a:\n    \nb: 1\n",
		"a: {{ default \"}}\" .x }}!\n":       "a: macro!\n",
		"a: {{ `{{ .raw }}` }}\n":             "a: macro\n",
		"a: {{ it's .x }}\n":                  "a: macro\n",
		"a: {{ \" .x }}\nb: 1\n":              "a: macro\nb: 1\n",
		"a: {{ .x\n  | quote }}\nb: 1":        "a: macro\n\nb: 1",
		"a: {{ open\nb: {{ .y }}\n":           "a: macro\n\n",
		"{{ .x }}{{ .y }}\n":                  "macromacro\n",
		"a: {{ open":                          "a: {{ open",
		"a: {{{{{{{{\nb: {{ .x":               "a: {{{{{{{{\nb: {{ .x",
		"- {{ .x }}\n- {{ .y }}\n{{ .z }}":    "- macro\n- macro\n",
		"a: |\n  {{ if .x }}\n  text\n  {{}}": "a: |\n  \n  text\n  ",
	} {
		if got := string(replaceMacros([]byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
