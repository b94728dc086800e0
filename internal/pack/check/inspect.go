package check

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"packregistry/internal/pack"
)

// maxReadme is how much of README.md is kept for searching, in bytes.
const maxReadme = 64 << 10

// checkSpecials applies the rules to the files at the pack's root. complete is false when
// the archive was refused on the way, so that nothing can be said to be missing.
func (c *Checker) checkSpecials(sp *specials, col *collector, r *Report, complete bool, f *findings) {
	values := checkValuesFile(sp.values, complete, f)
	if doc := c.checkPackJSON(sp.packJSON, r, f); doc != nil {
		prefix := ""
		if r.Root != "" {
			prefix = r.Root + "/"
		}
		present := func(path string) bool {
			_, found := slices.BinarySearchFunc(r.Files, path, func(x pack.File, p string) int { return strings.Compare(x.Path, p) })
			return found
		}
		directory := func(path string) bool { return col.dirs[prefix+path] }
		checkPaths(doc, present, directory, complete, f)
		var hasKey func(string) bool
		if values != nil {
			hasKey = newKeyFinder(values).has
		}
		checkConstraints(ParseConstraints(doc), hasKey, f)
	}
	if small(sp.schema, schemaYAML, ruleSchemaBinary, f) {
		checkSchemaFile(sp.schema.text, f)
	}
	if small(sp.presets, presetsYAML, rulePresetsBinary, f) {
		checkPresets(sp.presets.text, f)
	}
	switch {
	case sp.logo != nil:
		checkLogo(*sp.logo, f)
	case complete:
		f.add(ruleNoLogo, logoPNG, "", "there is no logo.png; add a PNG")
	}
	switch {
	case sp.readme != nil:
		r.Readme = readmeText(sp.readme.text)
	case complete:
		f.add(ruleNoReadme, "README.md", "", "there is no README.md; add one that says what the pack is")
	}
}

func (c *Checker) checkPackJSON(h *held, r *Report, f *findings) map[string]any {
	if h.over {
		f.add(ruleJSONSize, packJSON, "", "pack.json is larger than 1 MiB")
		return nil
	}
	text := cutBOM(h.text, packJSON, f)
	doc := strictJSON(text, f)
	if doc == nil {
		return nil
	}
	checkSchema(c.schema, doc, f)
	r.Metadata = metadataOf(doc)
	r.Metadata.Manifest = json.RawMessage(bytes.TrimSpace(text))
	checkMetadata(doc, r.Metadata, f)
	return doc
}

func checkValuesFile(h *held, complete bool, f *findings) *yaml.Node {
	switch {
	case h == nil && complete:
		f.add(ruleNoValues, valuesYAML, "", "there is no values.yaml; add one, it may be empty")
	case h == nil:
	case h.over:
		f.add(ruleValuesSize, valuesYAML, "", "values.yaml is larger than 8 MiB")
	default:
		return checkValues(h.text, f)
	}
	return nil
}

// small reports whether an optional file is there and not too large.
func small(h *held, file, rule string, f *findings) bool {
	if h != nil && h.over {
		f.add(rule, file, "", "%s is larger than 1 MiB", file)
	}
	return h != nil && !h.over
}

// readmeText makes text that any database takes: whole UTF-8 characters, no NUL.
func readmeText(b []byte) string {
	s := strings.ToValidUTF8(string(b), "")
	return strings.ReplaceAll(s, "\x00", "")
}
