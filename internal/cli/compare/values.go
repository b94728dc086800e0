package compare

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// values is a values.yaml made comparable.
type values struct {
	plain  map[string]any
	images map[string][]string // tags and digests by image, each sorted; "" stands for none
}

// treeOf reads the mapping of a values.yaml, which check.ParseValues has bounded; nil is an empty one.
func treeOf(root *yaml.Node) *values {
	v := &values{plain: map[string]any{}, images: map[string][]string{}}
	if root == nil {
		return v
	}
	v.plain, _ = plainOf(root).(map[string]any)
	for _, ref := range listedImages(v.plain) {
		v.image(ref)
	}
	v.find("", v.plain)
	return v
}

// plainOf turns a node into what JSON knows. Numbers stay as they are written, dates and what JSON cannot write are strings.
func plainOf(n *yaml.Node) any {
	n = follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		return mappingOf(n)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, plainOf(item))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if number := json.Number(n.Value); json.Valid([]byte(n.Value)) {
			return number
		}
		var f float64
		if n.Decode(&f) == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			if text, err := json.Marshal(f); err == nil {
				return json.Number(text)
			}
		}
	}
	return n.Value
}

// mappingOf reads a mapping. What stands in it wins over what is merged in (<<), and of doubled keys the last.
func mappingOf(n *yaml.Node) map[string]any {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			continue
		}
		sources := []*yaml.Node{follow(n.Content[i+1])}
		if sources[0].Kind == yaml.SequenceNode {
			sources = slices.Clone(sources[0].Content)
			slices.Reverse(sources) // the first wins
		}
		for _, s := range sources {
			if s = follow(s); s.Kind == yaml.MappingNode {
				for k, v := range mappingOf(s) {
					m[k] = v
				}
			}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			m[follow(n.Content[i]).Value] = plainOf(n.Content[i+1])
		}
	}
	return m
}

func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// image notes a reference.
func (v *values) image(ref string) {
	ref = strings.TrimSpace(ref)
	name, tag := ref, ""
	if i := strings.IndexByte(ref, '@'); i >= 0 {
		name, tag = ref[:i], ref[i:]
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]+tag
	}
	if name == "" || strings.ContainsAny(name, " \t\n{}") {
		return
	}
	if i, found := slices.BinarySearch(v.images[name], tag); !found {
		v.images[name] = slices.Insert(v.images[name], i, tag)
	}
}
