package check

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	schemaYAML  = "schema.yaml"
	presetsYAML = "presets.yaml"
	maxAux      = 1 << 20 // bytes of each of them
)

// SchemaField is one entry of schema.yaml: how a value is shown and checked.
type SchemaField struct {
	// Path is the dotted path of the value, arrays as $[].
	Path     string
	Template Template
}

// checkSchemaFile looks at schema.yaml and returns what could be read of it.
func checkSchemaFile(text []byte, f *findings) []SchemaField {
	root, ok := auxFile(text, schemaYAML, ruleSchemaBinary, ruleSchemaBomb, ruleSchema, f)
	if !ok {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		f.add(ruleSchema, schemaYAML, "", "schema.yaml must map value paths to {schema: '{{ ... }}'}")
		return nil
	}
	var out []SchemaField
	for i := 0; i+1 < len(root.Content); i += 2 {
		path := root.Content[i].Value
		schema := entry(root.Content[i+1], "schema")
		if schema == nil || schema.Kind != yaml.ScalarNode {
			f.add(ruleSchema, schemaYAML, pointer(path), "the entry %s has no schema text", quote(path))
			continue
		}
		t, err := ParseTemplate(schema.Value)
		if err != nil {
			f.add(ruleSchema, schemaYAML, pointer(path, "schema"), "the schema of %s is odd: %v", quote(path), err)
			continue
		}
		out = append(out, SchemaField{Path: path, Template: t})
	}
	return out
}

// auxFile reads schema.yaml or presets.yaml. It reports false when there is nothing to look at.
func auxFile(text []byte, file, binaryRule, bombRule, oddRule string, f *findings) (*yaml.Node, bool) {
	text = cutBOM(text, file, f)
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		f.add(binaryRule, file, "", "%s is no text", file)
		return nil, false
	}
	root, err := parseYAML(text)
	switch {
	case errors.Is(err, errYAMLBomb):
		f.add(bombRule, file, "", "%s is refused: %v", file, err)
	case err != nil:
		f.add(oddRule, file, "", "%s is not valid YAML: %v", file, err)
	case root == nil:
		f.add(oddRule, file, "", "%s is empty", file)
	default:
		return root, true
	}
	return nil, false
}
