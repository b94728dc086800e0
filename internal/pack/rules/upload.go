package rules

import "packregistry/internal/pack"

// uploadRules are those that the core and the OCI face add to an upload: about what the request says beside the archive.
func uploadRules() []Rule {
	return []Rule{
		{ID: pack.RuleNameMismatch, Headline: "The name in pack.json is that of the address."},
		{ID: pack.RuleVersionMismatch, Headline: "The version in pack.json is that of the address, or the tag."},
		{ID: pack.RuleManifestType, Headline: "A version is pushed over OCI as an image manifest."},
		{ID: pack.RuleManifestLayers, Headline: "The manifest of a pack has one layer."},
		{ID: pack.RuleManifestSize, Headline: "The sizes in the manifest are those of the content."},
		{ID: pack.RuleLayer, Headline: "The layer of a pack is a tar.gz."},
	}
}
