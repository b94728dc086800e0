package oci

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The fields that are read of a manifest and of a descriptor. What two readers could see differently is refused: a key
// twice, or one of these in other letters, which encoding/json takes for the same.
var (
	manifestFields   = []string{"schemaVersion", "mediaType", "artifactType", "config", "layers", "blobs", "manifests", "subject", "annotations"}
	descriptorFields = []string{"mediaType", "digest", "size", "urls", "annotations"}
)

// checkKeys reads the keys of valid JSON.
func checkKeys(body []byte) error {
	return checkKeysOf(json.NewDecoder(bytes.NewReader(body)), manifestFields)
}

// checkKeysOf reads one value. fields are those of its objects, nil for objects nobody here reads.
func checkKeysOf(dec *json.Decoder, fields []string) error {
	open, err := dec.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		of := fields
		if open == json.Delim('{') {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			key, _ := token.(string)
			if seen[key] {
				return badManifest("the key %q stands twice in one object", key)
			}
			seen[key] = true
			if !slices.Contains(fields, key) && slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, key) }) {
				return badManifest("the key %q is a field in other letters", key)
			}
			of = nil
			if slices.Equal(fields, manifestFields) && slices.Contains([]string{"config", "layers", "blobs", "manifests", "subject"}, key) {
				of = descriptorFields
			}
		}
		if err := checkKeysOf(dec, of); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
