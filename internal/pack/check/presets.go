package check

import (
	"errors"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Preset is one choice a user can make for a pack's values (palette-contract 5.7); of
// each group one is chosen.
type Preset struct {
	Name, DisplayName, Group string
	Remove                   []string // dotted paths taken out of the values
	Add                      string   // YAML merged into them
}

// checkPresets looks at presets.yaml and returns what could be read of it.
func checkPresets(text []byte, f *findings) []Preset {
	root, ok := auxFile(text, presetsYAML, rulePresetsBinary, rulePresetsBomb, rulePresets, f)
	if !ok {
		return nil
	}
	list := entry(root, "presets")
	if list == nil || list.Kind != yaml.SequenceNode {
		f.add(rulePresets, presetsYAML, "/presets", "presets.yaml must hold a list named presets")
		return nil
	}
	var out []Preset
	seen := map[string]bool{}
	for i, n := range list.Content {
		p, ok := readPreset(follow(n), pointer("presets", strconv.Itoa(i)), f)
		if !ok {
			continue
		}
		if seen[p.Name] {
			f.add(rulePresets, presetsYAML, pointer("presets", strconv.Itoa(i), "name"), "the preset name %s is there twice", quote(p.Name))
		}
		seen[p.Name] = true
		out = append(out, p)
	}
	return out
}

func readPreset(n *yaml.Node, at string, f *findings) (Preset, bool) {
	if n.Kind != yaml.MappingNode {
		f.add(rulePresets, presetsYAML, at, "a preset must be a mapping with name, displayName, group, remove and add")
		return Preset{}, false
	}
	scalar := func(key string) string {
		v := entry(n, key)
		if v == nil || v.Kind != yaml.ScalarNode || v.Value == "" {
			f.add(rulePresets, presetsYAML, at+"/"+key, "the preset has no %s", key)
			return ""
		}
		return v.Value
	}
	p := Preset{Name: scalar("name"), DisplayName: scalar("displayName"), Group: scalar("group"), Add: scalar("add")}
	remove := entry(n, "remove")
	switch {
	case remove == nil || (remove.Kind != yaml.SequenceNode && remove.Tag != "!!null"):
		f.add(rulePresets, presetsYAML, at+"/remove", "the preset has no list remove")
	default:
		for _, r := range remove.Content {
			p.Remove = append(p.Remove, follow(r).Value)
		}
	}
	if p.Add == "" {
		return p, true
	}
	added, err := parseTemplated([]byte(p.Add))
	switch {
	case errors.Is(err, errYAMLBomb):
		f.add(rulePresetsBomb, presetsYAML, at+"/add", "what the preset adds is refused: %v", err)
	case err != nil:
		f.add(rulePresets, presetsYAML, at+"/add", "what the preset adds is not valid YAML: %v", err)
	case added != nil && added.Kind != yaml.MappingNode:
		f.add(rulePresets, presetsYAML, at+"/add", "what the preset adds must be a mapping")
	}
	return p, true
}
