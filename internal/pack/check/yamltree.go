package check

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on YAML. A tree costs far more memory than its text, and an alias makes
// a small text a large tree, so both are bounded before anything is decoded. The largest
// real values.yaml has some thousand items.
const (
	maxYAMLItems    = 100_000 // lines, list items and flow entries of a text
	maxYAMLDepth    = 100     // aliases followed
	maxYAMLExpanded = 10      // times the tree that aliases may make of it, above
	freeYAMLNodes   = 100_000 // which many are always allowed
)

var (
	errYAMLBomb      = errors.New("it nests deeper than 100, has more than 100,000 lines and list items, or multiplies itself by aliases")
	errYAMLDocuments = errors.New("it holds more than one document")
)

// parseYAML gives the root node of a text with one document; nil for a text that is
// empty but for comments. The tree has been checked against the bounds.
func parseYAML(text []byte) (*yaml.Node, error) { return parseYAMLWithin(text, maxYAMLItems) }

func parseYAMLWithin(text []byte, items int) (*yaml.Node, error) {
	if yamlItems(text) > items {
		return nil, errYAMLBomb
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, yamlError(err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		return nil, errYAMLDocuments
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	m := treeMeter{known: map[*yaml.Node]treeSize{}}
	size, ok := m.measure(root)
	if !ok || size.expanded > freeYAMLNodes+maxYAMLExpanded*m.plain {
		return nil, errYAMLBomb
	}
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// MaxYAMLItems is how many lines, list items and flow entries values.yaml may have.
const MaxYAMLItems = maxYAMLItems

// ParseYAML reads a text with one YAML document within bounds: at most so many lines and items, 100 deep, not
// multiplied by aliases. The root is nil for a text that is empty but for comments. The error is for people.
func ParseYAML(text []byte, items int) (*yaml.Node, error) { return parseYAMLWithin(text, items) }

// yamlError makes the library's message fit for people.
func yamlError(err error) error {
	msg := printable(strings.TrimPrefix(err.Error(), "yaml: "))
	if len(msg) > 200 {
		msg = strings.ToValidUTF8(msg[:200], "") + "..."
	}
	if strings.Contains(msg, "exceeded max depth") {
		return errYAMLBomb
	}
	return errors.New(msg)
}

// yamlItems counts what can begin a node: each line that is no comment may hold
// two (key and value), each list item and flow entry one.
func yamlItems(text []byte) int {
	items := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimLeft(line, " \t")
		if len(line) > 0 && (line[0] == '#' || line[0] == '\n' || line[0] == '\r') {
			continue
		}
		items++
		for i, c := range line {
			switch c {
			case ',', '[', '{', '&', '*':
				items++
			case '-', '?':
				if i > 0 && i+1 < len(line) && isBlank(line[i+1]) && isBlank(line[i-1]) {
					items++
				}
			}
		}
	}
	// A carriage return alone breaks a line too.
	return items + bytes.Count(text, []byte("\r")) - bytes.Count(text, []byte("\r\n"))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// treeSize is a subtree with its aliases expanded.
type treeSize struct {
	expanded int64
	height   int
}

type treeMeter struct {
	known map[*yaml.Node]treeSize // of anchored nodes; height -1 while being measured
	plain int64                   // nodes without expansion
}

// measure reports false for a tree too deep or one that contains itself.
func (m *treeMeter) measure(n *yaml.Node) (treeSize, bool) {
	return m.measureAt(n, 0)
}

func (m *treeMeter) measureAt(n *yaml.Node, depth int) (treeSize, bool) {
	if depth > maxYAMLDepth {
		return treeSize{}, false
	}
	m.plain++
	if n.Kind == yaml.AliasNode {
		size, ok := m.known[n.Alias]
		return size, ok && size.height >= 0
	}
	if n.Anchor != "" {
		m.known[n] = treeSize{height: -1}
	}
	size := treeSize{expanded: 1}
	for _, c := range n.Content {
		s, ok := m.measureAt(c, depth+1)
		// The sum is kept from overflowing: what is beyond any bound is a bomb already.
		if size.expanded += s.expanded; !ok || size.expanded > 1<<40 {
			return treeSize{}, false
		}
		size.height = max(size.height, s.height+1)
	}
	if size.height > maxYAMLDepth {
		return treeSize{}, false
	}
	if n.Anchor != "" {
		m.known[n] = size
	}
	return size, true
}

// entry is the value of a key of a mapping, aliases followed; nil when there is none.
func entry(n *yaml.Node, key string) *yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
