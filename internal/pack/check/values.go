package check

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	valuesYAML = "values.yaml"
	maxValues  = 8 << 20
)

// checkValues looks at values.yaml and returns its mapping; nil when it is empty or refused.
func checkValues(text []byte, f *findings) *yaml.Node {
	text = cutBOM(text, valuesYAML, f)
	if !utf8.Valid(text) {
		f.add(ruleValuesUTF8, valuesYAML, "", "values.yaml is not UTF-8; save it as UTF-8")
		return nil
	}
	root, err := parseTemplated(text)
	switch {
	case errors.Is(err, errYAMLBomb):
		f.add(ruleValuesBomb, valuesYAML, "", "values.yaml is refused: %v", err)
	case errors.Is(err, errYAMLDocuments):
		f.add(ruleValuesMapping, valuesYAML, "", "values.yaml is no single mapping: %v", err)
	case err != nil:
		f.add(ruleValuesYAML, valuesYAML, "", "values.yaml is not valid YAML, even with its macros replaced: %v", err)
	case root == nil:
		f.add(ruleValuesEmpty, valuesYAML, "", "values.yaml is empty")
	case root.Kind != yaml.MappingNode:
		f.add(ruleValuesMapping, valuesYAML, "", "values.yaml must be a mapping (key: value)")
	default:
		warnDuplicates(root, nil, f)
		return root
	}
	return nil
}

// ParseValues gives the mapping of a values.yaml as the rules read it: where it is no YAML without, its macros ({{ ... }}) are replaced
// by a word. It is nil for a file that is empty but for comments. The error says why the rules refuse it, for people.
func ParseValues(text []byte) (*yaml.Node, error) {
	root, err := parseTemplated(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if err == nil && root != nil && root.Kind != yaml.MappingNode {
		return nil, errors.New("it is no mapping (key: value)")
	}
	return root, err
}

// parseTemplated reads YAML that may hold macros: as it is, and if that is no mapping,
// with the macros replaced. Its error is about the second reading.
func parseTemplated(text []byte) (*yaml.Node, error) {
	root, err := parseYAML(text)
	if errors.Is(err, errYAMLBomb) || (err == nil && (root == nil || root.Kind == yaml.MappingNode)) {
		return root, err
	}
	if !bytes.Contains(text, []byte("{{")) {
		return root, err
	}
	return parseYAML(replaceMacros(text))
}

// warnDuplicates walks mappings for keys that are there twice: readers disagree
// which one counts.
func warnDuplicates(n *yaml.Node, at []string, f *findings) {
	switch n.Kind {
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			here := append(at, key.Value)
			if key.Kind == yaml.ScalarNode {
				if seen[key.Value] && !strings.Contains(key.Value, macroWord) && key.Tag != "!!merge" {
					f.add(ruleValuesDuplicate, valuesYAML, pointer(here...), "the key %s is there twice (line %d); keep one", quote(key.Value), key.Line)
				}
				seen[key.Value] = true
			}
			warnDuplicates(n.Content[i+1], here, f)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			warnDuplicates(c, append(at, strconv.Itoa(i)), f)
		}
	}
}

// keyFinder looks for dotted paths in values. Keys may hold dots themselves.
type keyFinder struct {
	root *yaml.Node
	// budget bounds the keys looked at, over all calls; beyond it everything counts as found.
	budget int
}

func newKeyFinder(root *yaml.Node) *keyFinder { return &keyFinder{root: root, budget: 2_000_000} }

// has reports whether there is a key at path. Paths into lists are taken on trust.
func (k *keyFinder) has(path string) bool {
	return strings.ContainsAny(path, "[]$") || k.find(k.root, path)
}

func (k *keyFinder) find(n *yaml.Node, path string) bool {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k.budget--; k.budget < 0 {
			return true
		}
		key, value := n.Content[i].Value, n.Content[i+1]
		if key == path {
			return true
		}
		if rest, ok := strings.CutPrefix(path, key); ok && strings.HasPrefix(rest, ".") && k.find(value, rest[1:]) {
			return true
		}
		if n.Content[i].Tag == "!!merge" && k.find(value, path) {
			return true
		}
	}
	return false
}

// cutBOM removes a UTF-8 byte order mark, with a warning.
func cutBOM(text []byte, file string, f *findings) []byte {
	rest, had := bytes.CutPrefix(text, []byte("\xef\xbb\xbf"))
	if had {
		f.add(ruleBOM, file, "", "%s starts with a byte order mark; save it without", file)
	}
	return rest
}
