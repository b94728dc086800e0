package oci

import (
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"

	"packregistry/internal/pack"
)

// Media types of image-spec 1.1 and of Docker's image manifest 2.2, which have the same shapes.
const (
	typeManifest       = "application/vnd.oci.image.manifest.v1+json"
	typeIndex          = "application/vnd.oci.image.index.v1+json"
	typeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	typeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	typeArtifact       = "application/vnd.oci.artifact.manifest.v1+json" // of image-spec 1.1 before its release
)

// maxDescriptors is how much one manifest may name; each is looked up.
const maxDescriptors = 4096

// parsed is what the registry needs to know of a manifest. Unknown fields are none of its business.
type parsed struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Blobs         []descriptor      `json:"blobs"` // of typeArtifact
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls"`
	Annotations map[string]string `json:"annotations"`
}

// elsewhere tells a layer that need not be pushed here (image-spec, non-distributable layers).
func (d *descriptor) elsewhere() bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
}

// parseManifest reads a manifest leniently. contentType, which may be "", is what the request says it is.
// KindInvalid, code manifest_invalid.
func parseManifest(body []byte, contentType string) (*parsed, error) {
	if !utf8.Valid(body) { // RFC 8259, section 8.1; encoding/json would replace what it cannot read
		return nil, badManifest("the manifest is not UTF-8")
	}
	var m parsed
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, &pack.Error{Kind: pack.KindInvalid, Code: "manifest_invalid", Message: "the manifest is not JSON of the right shape", Err: err}
	}
	if err := checkKeys(body); err != nil {
		return nil, err
	}
	said := contentType
	if contentType != "" {
		var err error
		if said, _, err = mime.ParseMediaType(contentType); err != nil {
			return nil, badManifest("the Content-Type %q is none", contentType)
		}
	}
	switch {
	case m.MediaType == "":
		m.MediaType = said
	case said != "" && said != m.MediaType:
		return nil, badManifest("the request says the manifest is %q, but it says itself that it is %q", said, m.MediaType)
	}
	if m.MediaType == "" || m.MediaType == "application/json" || m.MediaType == "application/octet-stream" {
		m.MediaType = typeManifest
		if m.Manifests != nil {
			m.MediaType = typeIndex
		}
	}
	return &m, m.check()
}

func (m *parsed) check() error {
	switch m.MediaType {
	case typeManifest, typeDockerManifest:
		if m.Config == nil {
			return badManifest("an image manifest needs a config")
		}
		if m.Manifests != nil {
			return badManifest("an image manifest has no manifests; an index has")
		}
	case typeIndex, typeDockerIndex:
		if m.Config != nil || m.Layers != nil {
			return badManifest("an index has no config and no layers")
		}
	case typeArtifact:
		m.SchemaVersion = 2 // it has none
	default:
		return badManifest("manifests of type %q are not stored here", m.MediaType)
	}
	if m.SchemaVersion != 2 {
		return badManifest("schemaVersion must be 2")
	}
	all := m.descriptors()
	if len(all) > maxDescriptors {
		return badManifest("the manifest names more than %d things", maxDescriptors)
	}
	if m.Subject != nil {
		all = append(all, m.Subject)
	}
	for _, d := range all {
		if !digestForm.MatchString(d.Digest) {
			return badManifest("%q is no digest", d.Digest)
		}
		if d.Size < 0 {
			return badManifest("the size of %s is negative", d.Digest)
		}
	}
	return nil
}

// content is the blobs: config and layers.
func (m *parsed) content() []*descriptor {
	var out []*descriptor
	if m.Config != nil {
		out = append(out, m.Config)
	}
	for i := range m.Layers {
		out = append(out, &m.Layers[i])
	}
	for i := range m.Blobs {
		out = append(out, &m.Blobs[i])
	}
	return out
}

func (m *parsed) descriptors() []*descriptor {
	out := m.content()
	for i := range m.Manifests {
		out = append(out, &m.Manifests[i])
	}
	return out
}

// artifactType is what referrers are filtered by (distribution spec 1.1, "Listing Referrers").
func (m *parsed) artifactType() string {
	if m.ArtifactType == "" && m.Config != nil {
		return m.Config.MediaType
	}
	return m.ArtifactType
}

func (m *parsed) subject() string {
	if m.Subject == nil {
		return ""
	}
	return m.Subject.Digest
}

func badManifest(format string, args ...any) error {
	return pack.Errorf(pack.KindInvalid, "manifest_invalid", format, args...)
}
