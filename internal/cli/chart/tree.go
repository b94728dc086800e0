package chart

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on the walk through values, which aliases can make endless.
const (
	maxDepth = 64
	maxNodes = 500_000
)

// tree reads values as Helm does, and looks at a bounded number of nodes in all.
type tree struct{ left int }

// spend counts one node. It reports false when there have been too many.
func (t *tree) spend() bool {
	t.left--
	return t.left >= 0
}

// pair is an entry of a mapping.
type pair struct {
	key   string
	value *yaml.Node
}

// pairs gives the entries of a mapping, those of merge keys too; none of what is no mapping.
func (t *tree) pairs(n *yaml.Node, depth int) []pair {
	if n = follow(n); n == nil || n.Kind != yaml.MappingNode || depth > maxDepth {
		return nil
	}
	var out, merge []pair
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && t.spend(); i += 2 {
		if k := n.Content[i]; k.Tag == "!!merge" {
			merge = append(merge, t.pairs(n.Content[i+1], depth+1)...)
		} else {
			out = append(out, pair{k.Value, n.Content[i+1]})
			own[k.Value] = true
		}
	}
	for _, p := range merge {
		if !own[p.key] {
			out = append(out, p)
			own[p.key] = true
		}
	}
	return out
}

// lookup is the value under a key; nil when there is none.
func (t *tree) lookup(n *yaml.Node, key string) *yaml.Node {
	for _, p := range t.pairs(n, 0) {
		if p.key == key {
			return follow(p.value)
		}
	}
	return nil
}

// merged puts values over defaults, mapping by mapping, as Helm does for a subchart.
func (t *tree) merged(over, under *yaml.Node, depth int) *yaml.Node {
	over, under = follow(over), follow(under)
	switch {
	case over == nil:
		return under
	case under == nil, over.Kind != yaml.MappingNode, under.Kind != yaml.MappingNode, depth > maxDepth:
		return over
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	put := func(key string, v *yaml.Node) {
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, v)
	}
	below := map[string]*yaml.Node{}
	defaults := t.pairs(under, 0)
	for _, p := range defaults {
		below[p.key] = p.value
	}
	above := map[string]bool{}
	for _, p := range t.pairs(over, 0) {
		above[p.key] = true
		put(p.key, t.merged(p.value, below[p.key], depth+1))
	}
	for _, p := range defaults {
		if !above[p.key] {
			put(p.key, p.value)
		}
	}
	return out
}

// among is the text under a key; "" for what is none.
func among(list []pair, key string) string {
	for _, p := range list {
		if n := follow(p.value); p.key == key && n.Kind == yaml.ScalarNode && n.Tag != "!!null" && n.Tag != "!!bool" {
			return strings.TrimSpace(n.Value)
		}
	}
	return ""
}

func has(list []pair, key string) bool {
	for _, p := range list {
		if p.key == key {
			return true
		}
	}
	return false
}

func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
