package check

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// packSchemaText is the JSON Schema (2020-12) of pack.json.
//
//go:embed packjson.schema.json
var packSchemaText []byte

const packSchemaURL = "urn:packregistry:pack.json"

// denyLoader loads nothing: the library's own opens files.
type denyLoader struct{}

func (denyLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema may not refer to %q", url)
}

func compilePackSchema() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(packSchemaText))
	if err != nil {
		return nil, fmt.Errorf("schema of pack.json: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(denyLoader{})
	if err := c.AddResource(packSchemaURL, doc); err != nil {
		return nil, fmt.Errorf("schema of pack.json: %w", err)
	}
	schema, err := c.Compile(packSchemaURL)
	if err != nil {
		return nil, fmt.Errorf("schema of pack.json: %w", err)
	}
	return schema, nil
}

// checkSchema holds the decoded pack.json against the schema.
func checkSchema(schema *jsonschema.Schema, doc map[string]any, f *findings) {
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(doc); errors.As(err, &invalid) {
		reportSchema(invalid, f)
	} else if err != nil {
		f.add(ruleType, packJSON, "", "pack.json cannot be checked: %v", err)
	}
}

// reportSchema makes findings of the leaves of a validation error. How many of a thing
// are listed has been looked at before, by strictJSON.
func reportSchema(e *jsonschema.ValidationError, f *findings) {
	for _, cause := range e.Causes {
		reportSchema(cause, f)
	}
	if len(e.Causes) > 0 {
		return
	}
	at := e.InstanceLocation
	where := pointer(at...)
	field := "pack.json"
	if len(at) > 0 {
		field = quote(strings.Join(at, "."))
	}
	typeRule := ruleType
	if len(at) > 0 && at[0] == "constraints" {
		typeRule = ruleConstraints
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, missing := range k.Missing {
			f.add(ruleRequired, packJSON, pointer(append(at, missing)...), "%s is missing; it is required", quote(missing))
		}
	case *kind.MinLength, *kind.Pattern:
		f.add(ruleRequired, packJSON, where, "%s is empty; it is required", field)
	case *kind.Type:
		f.add(typeRule, packJSON, where, "%s must be %s, not %s", field, article(strings.Join(k.Want, " or ")), k.Got)
	case *kind.Enum:
		if got, ok := k.Got.(string); ok && got != "" {
			f.add(ruleLayer, packJSON, where, "the layer %s is unknown; use kernel, os, k8s, cni, csi or addon", quote(got))
		}
	case *kind.MaxLength:
		f.add(ruleLength, packJSON, where, "%s is %d characters long; at most %d are allowed", field, k.Got, k.Want)
	default:
		f.add(typeRule, packJSON, where, "%s does not fit the schema of pack.json (%s)", field, strings.Join(e.ErrorKind.KeywordPath(), "/"))
	}
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
