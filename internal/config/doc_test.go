package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of keys into docs/configure.md")

// The documentation has every key with its variable, default and meaning.
func TestDocumentation(t *testing.T) {
	const file, begin, end = "../../docs/configure.md", "go test ./internal/config -update -->\n", "<!-- end of keys -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks around the table", file)
	}
	want := before + begin + Table() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("the table of keys in %s is not up to date; run go test ./internal/config -update", file)
	}
	for _, k := range keys() {
		if !strings.Contains(want, "| `"+k.path+"` | `"+k.env()+"` |") || !strings.Contains(want, k.doc) {
			t.Errorf("%s is not documented", k.path)
		}
	}
	for _, name := range []string{envPassword, envPasswordFile, envFields, envHeaders, envNamespaces} {
		if !strings.Contains(want, name) {
			t.Errorf("%s is not documented", name)
		}
	}
}
