package legacy

import (
	"net/http"
	"slices"

	"packregistry/internal/pack"
)

// ExperimentalHeader marks answers whose form is ours: the legacy server's is not
// public, so they may change as soon as it is known.
const ExperimentalHeader = "X-Registry-Experimental"

// experimental is the header's value: why, in words.
const experimental = "the legacy wire format is not public; this form may change"

// Media types of a manifest (OCI image-spec 1.0) and of its config, which is pack.json.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.packregistry.pack.v1+json"
	fileType     = "application/octet-stream"
	titleKey     = "org.opencontainers.image.title"
)

// tagList is the shape of tags/list in distribution.
type tagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// Tags lists all tags of a pack in byte order: own, parent and hand-set ones.
func (f *Face) Tags(w http.ResponseWriter, r *http.Request) error {
	name, err := f.cfg.Param(r, "name")
	if err != nil {
		return err
	}
	p, err := f.cfg.Registry.Pack(r.Context(), namespaceOf(r), name)
	if err != nil {
		return err
	}
	list := tagList{Name: name, Tags: []string{}}
	for _, t := range p.Tags {
		list.Tags = append(list.Tags, t.Tag)
	}
	slices.Sort(list.Tags)
	w.Header().Set(ExperimentalHeader, experimental)
	w.Header().Set("Cache-Control", "no-cache")
	return answer(w, "application/json", list)
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      pack.Digest       `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// manifest is a version as an OCI image manifest: the config is pack.json, and each
// file is a layer with its path as the title. The one thing known of the legacy server's store
// is that it keeps each file as a blob of its own (palette-contract 1.7), so every digest here
// is had from /v1/{name}/blobs/.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations"`
}

// Manifest describes the version that a reference means: a version, a tag, latest, or
// the digest of its archive. There is no Docker-Content-Digest: the digest of this document
// is no reference.
func (f *Face) Manifest(w http.ResponseWriter, r *http.Request) error {
	name, err := f.cfg.Param(r, "name")
	if err != nil {
		return err
	}
	ref, err := f.cfg.Param(r, "ref")
	if err != nil {
		return err
	}
	v, err := f.cfg.Registry.Resolve(r.Context(), namespaceOf(r), name, ref)
	if err != nil {
		return err
	}
	files, err := f.cfg.Registry.Files(r.Context(), v)
	if err != nil {
		return err
	}
	m := manifest{SchemaVersion: 2, MediaType: manifestType, Layers: []descriptor{}, Annotations: map[string]string{
		"org.opencontainers.image.version": v.Version,
		titleKey:                           v.Name + "-" + v.Version + ".zip",
		"packregistry.archive":             string(v.Digest),
		"packregistry.content":             v.ContentDigest,
	}}
	for _, file := range files {
		d := descriptor{MediaType: fileType, Digest: pack.Digest("sha256:" + file.SHA256), Size: file.Size}
		if file.Path == "pack.json" {
			m.Config = d
			m.Config.MediaType = configType
		}
		d.Annotations = map[string]string{titleKey: file.Path}
		m.Layers = append(m.Layers, d)
	}
	w.Header().Set(ExperimentalHeader, experimental)
	w.Header().Set("Cache-Control", "no-cache")
	return answer(w, manifestType, m)
}
