package scaffold

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
)

// chartValues makes values.yaml of a pack with one chart: the section of the pack, then the chart's default values as they are
// written, comments and all, below charts.NAME.
func chartValues(name, namespace string, images []string, defaults []byte) ([]byte, error) {
	want, err := check.ParseYAML(withoutBOM(defaults), check.MaxYAMLItems)
	if err != nil {
		return nil, pack.Errorf(pack.KindBadPack, "chart_invalid", "values.yaml of the chart %s cannot be read: %s", name, err)
	}
	head := packSection(namespace, images) + "\ncharts:\n  " + key(name) + ":"
	if want == nil { // comments may be all there is
		return []byte(head + " {}\n" + indented(comments(defaults))), nil
	}
	made := []byte(head + "\n" + indented(defaults))
	if same(made, name, want) {
		return made, nil
	}
	// Written in some way that cannot be moved as it stands: written anew, which keeps most comments.
	var anew bytes.Buffer
	e := yaml.NewEncoder(&anew)
	e.SetIndent(2)
	if e.Encode(want) != nil || e.Close() != nil {
		return nil, pack.Errorf(pack.KindBadPack, "chart_invalid", "values.yaml of the chart %s cannot be written below charts.%s", name, name)
	}
	if made = []byte(head + "\n" + indented(anew.Bytes())); !same(made, name, want) {
		return nil, pack.Errorf(pack.KindBadPack, "chart_invalid", "values.yaml of the chart %s cannot be written below charts.%s", name, name)
	}
	return made, nil
}

// packSection is what the pack says of itself (palette-contract 5.4).
func packSection(namespace string, images []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pack:\n  # The namespace that the chart is installed in; it is made when it is not there.\n  namespace: %s\n  content:\n", key(namespace))
	b.WriteString("    # The images that the chart's default values name. What only its templates know is to be added.\n")
	if len(images) == 0 {
		b.WriteString("    images: []\n")
		return b.String()
	}
	b.WriteString("    images:\n")
	for _, i := range images {
		fmt.Fprintf(&b, "      - image: %s\n", key(i))
	}
	return b.String()
}

func withoutBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }

// indented moves a YAML document four columns to the right. Marks of documents and directives, which stand at column 0 and
// nowhere else, go.
func indented(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(withoutBOM(text))) {
		bare := strings.TrimRight(line, "\r\n")
		switch {
		case bare == "": // a blank inside a text stays one
			b.WriteString(line)
			continue
		case bare == "---", bare == "...", strings.HasPrefix(bare, "... "), strings.HasPrefix(bare, "%"):
			continue
		case strings.HasPrefix(bare, "--- "):
			line = "   " + line[3:]
		}
		b.WriteString("    ")
		b.WriteString(line)
	}
	out := b.String()
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return out
}

// comments are the lines of a text that are nothing else.
func comments(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(withoutBOM(text)) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			out = append(out, line...)
		}
	}
	return out
}

// same reports whether what stands below charts.NAME is what the chart has.
func same(made []byte, name string, want *yaml.Node) bool {
	root, err := check.ParseYAML(made, check.MaxYAMLItems)
	if err != nil || root == nil {
		return false
	}
	for _, word := range []string{"charts", name} {
		if root = child(root, word); root == nil {
			return false
		}
	}
	return equal(root, want)
}

func child(n *yaml.Node, word string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == word {
			return n.Content[i+1]
		}
	}
	return nil
}

// equal compares what two trees say, not how; an alias is as good as another of the same name.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
