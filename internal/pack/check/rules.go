package check

import "packregistry/internal/pack"

// Rule is one thing this package looks for. Ids are stable: people and tools refer to them.
type Rule struct {
	ID       string
	Severity pack.Severity
	About    string
}

// Rules lists the rules of this package, errors first. Those of pack/archive (ids
// that start with "archive-") come on top. A test breaks each of them.
func Rules() []Rule {
	const e, w, i = pack.SeverityError, pack.SeverityWarning, pack.SeverityInfo
	return []Rule{
		{ruleNoPackJSON, e, "pack.json is at the archive's root or in its single top folder"},
		{ruleJSONSize, e, "pack.json is at most 1 MiB"},
		{ruleJSONUTF8, e, "pack.json is UTF-8, also in what its escapes stand for"},
		{ruleJSONSyntax, e, "pack.json is one JSON object and nothing else"},
		{ruleJSONDepth, e, "pack.json nests at most 64 deep"},
		{ruleJSONDuplicate, e, "no key of an object in pack.json is there twice"},
		{ruleJSONCase, e, "no two keys of an object in pack.json differ only in case"},
		{ruleJSONNul, e, "no string in pack.json holds the character NUL"},
		{ruleRequired, e, "name, displayName, version and layer are there and not empty"},
		{ruleType, e, "known keys of pack.json have their type"},
		{ruleLayer, e, "layer is kernel, os, k8s, cni, csi or addon"},
		{ruleLength, e, "displayName is at most 256 characters"},
		{ruleControl, e, "displayed strings hold no control characters"},
		{ruleTooMany, e, "nothing in pack.json is listed more than 1,000 times"},
		{ruleConstraints, e, "constraints have the JSON types of the format"},
		{ruleName, e, "name is a legal pack name"},
		{ruleVersion, e, "version is a legal version"},
		{ruleGroup, e, "group can be part of a tag"},
		{ruleNoValues, e, "values.yaml is there"},
		{ruleValuesSize, e, "values.yaml is at most 8 MiB"},
		{ruleValuesUTF8, e, "values.yaml is UTF-8"},
		{ruleValuesYAML, e, "values.yaml is YAML once its macros are replaced"},
		{ruleValuesMapping, e, "values.yaml is one YAML mapping"},
		{ruleValuesBomb, e, "values.yaml is no alias, depth or node bomb"},
		{rulePathBlank, e, "no listed path is blank"},
		{rulePathURL, e, "no listed path is a URL"},
		{rulePathEscape, e, "no listed path leaves the archive"},
		{rulePathMissing, e, "what is listed is in the archive"},
		{ruleLogoFormat, e, "logo.png is a PNG, JPEG or GIF image"},
		{ruleLogoSize, e, "logo.png is at most 8192 pixels a side"},
		{ruleSchemaBinary, e, "schema.yaml is text of at most 1 MiB"},
		{ruleSchemaBomb, e, "schema.yaml is no alias, depth or node bomb"},
		{rulePresetsBinary, e, "presets.yaml is text of at most 1 MiB"},
		{rulePresetsBomb, e, "presets.yaml is no alias, depth or node bomb"},

		{ruleBOM, w, "text files start without a byte order mark"},
		{ruleNoCloudTypes, w, "cloudTypes says where the pack can be used"},
		{ruleCloudType, w, "cloud types are known ones"},
		{ruleNoAddonType, w, "a pack of layer addon says its addonType"},
		{ruleAddonType, w, "addonType is a known one"},
		{ruleVersionV, w, "version has no leading v"},
		{rulePathDirectory, w, "what is listed is a file, not only an unpacked directory"},
		{ruleNoLogo, w, "logo.png is there"},
		{ruleLogoType, w, "logo.png is really a PNG"},
		{ruleValuesEmpty, w, "values.yaml says something"},
		{ruleValuesDuplicate, w, "no key of a mapping in values.yaml is there twice"},
		{ruleDependency, w, "dependencies have packName, layer, a known type and sensible versions"},
		{ruleResource, w, "resources have a known type and a limit or components"},
		{ruleResourceRef, w, "resource components refer to keys of values.yaml"},
		{ruleSchema, w, "schema.yaml maps value paths to templates that can be read"},
		{rulePresets, w, "presets.yaml lists complete presets with unique names"},

		{ruleNoReadme, i, "README.md is there"},
	}
}

// The ids, by the file they are about.
const (
	ruleNoPackJSON    = "packjson-missing"
	ruleJSONSize      = "packjson-size"
	ruleJSONUTF8      = "packjson-utf8"
	ruleJSONSyntax    = "packjson-syntax"
	ruleJSONDepth     = "packjson-depth"
	ruleJSONDuplicate = "packjson-duplicate-key"
	ruleJSONCase      = "packjson-case-key"
	ruleJSONNul       = "packjson-nul"
	ruleRequired      = "packjson-required"
	ruleType          = "packjson-type"
	ruleLayer         = "packjson-layer"
	ruleLength        = "packjson-length"
	ruleControl       = "packjson-control"
	ruleTooMany       = "packjson-too-many"
	ruleConstraints   = "packjson-constraints"
	ruleName          = "packjson-name"
	ruleVersion       = "packjson-version"
	ruleGroup         = "packjson-group"
	ruleNoCloudTypes  = "cloudtypes-missing"
	ruleCloudType     = "cloudtypes-unknown"
	ruleNoAddonType   = "addontype-missing"
	ruleAddonType     = "addontype-unknown"
	ruleVersionV      = "version-v"
	ruleDependency    = "constraints-dependency"
	ruleResource      = "constraints-resource"
	ruleResourceRef   = "constraints-reference"

	ruleNoValues        = "values-missing"
	ruleValuesSize      = "values-size"
	ruleValuesUTF8      = "values-utf8"
	ruleValuesYAML      = "values-yaml"
	ruleValuesMapping   = "values-mapping"
	ruleValuesBomb      = "values-bomb"
	ruleValuesEmpty     = "values-empty"
	ruleValuesDuplicate = "values-duplicate-key"

	rulePathBlank     = "path-blank"
	rulePathURL       = "path-url"
	rulePathEscape    = "path-escape"
	rulePathMissing   = "path-missing"
	rulePathDirectory = "path-directory"

	ruleNoLogo     = "logo-missing"
	ruleLogoType   = "logo-type"
	ruleLogoFormat = "logo-format"
	ruleLogoSize   = "logo-dimensions"

	ruleSchemaBinary  = "schema-binary"
	ruleSchemaBomb    = "schema-bomb"
	ruleSchema        = "schema-odd"
	rulePresetsBinary = "presets-binary"
	rulePresetsBomb   = "presets-bomb"
	rulePresets       = "presets-odd"

	ruleBOM      = "file-bom"
	ruleNoReadme = "readme-missing"
)
