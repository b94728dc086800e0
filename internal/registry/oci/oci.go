// Package oci is the core of OCI content: repositories, manifests, tags, blobs, referrers and upload sessions of the
// distribution spec 1.1, and the packs of package registry seen as repositories. The /v2 face calls it with parsed,
// authenticated requests. It owns the order of writes: bytes under a lease first, rows last.
package oci

import (
	"context"
	"io"
	"log/slog"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
)

// Config is what a Core needs. Everything is required but Linker and BlobLimit.
type Config struct {
	Registry *registry.Registry
	Store    storage.Store
	// Linker gives out addresses of the blobs of Store, the same as the registry's.
	Linker   storage.Linker
	DB       db.DB
	OCI      db.OCI
	SpoolDir string
	// ManifestLimit is the largest manifest, in bytes; 4 MiB by the spec's advice.
	ManifestLimit int64
	// BlobLimit is the largest blob, in bytes; 0 is none.
	BlobLimit int64
	// Overwrite tells whether a namespace lets a version tag move to other content.
	Overwrite func(namespace string) bool
	// UploadTTL is how long an upload session lives after its last request.
	UploadTTL time.Duration
	Log       *slog.Logger
	Now       func() time.Time
}

// Core serves OCI content. Safe for concurrent use.
type Core struct {
	cfg   Config
	packs packList
}

// New makes a Core, and has the registry call its Housekeep before each sweep.
func New(cfg Config) *Core {
	c := &Core{cfg: cfg}
	cfg.Registry.BeforeSweep(c.Housekeep)
	return c
}

// Errors are *pack.Error. Besides the kinds of package registry the face relies on these codes:
// blob_unknown, blob_upload_unknown, blob_upload_invalid (and KindConflict range_invalid for an
// offset that is not the session's, with the session's state), digest_invalid, manifest_blob_unknown, manifest_invalid (KindBadPack with
// findings when the manifest is a pack's), manifest_unknown, name_invalid, name_unknown, tag_invalid, denied (KindForbidden); KindTooLarge comes with its Limit.

// Manifest is a manifest to serve: exactly the bytes that were pushed or first made.
type Manifest struct {
	Digest, MediaType string
	Bytes             []byte
}

// Put is a manifest that is being pushed.
type Put struct {
	Repo string
	// Reference is a tag or a digest; Tags are more tags (?tag= of spec 1.1).
	Reference string
	Tags      []string
	MediaType string
	Body      []byte
	By        string
}

// PutResult is what a push of a manifest did.
type PutResult struct {
	Digest   string
	Subject  string   // for OCI-Subject
	Warnings []string // for Warning: 299
}

// Blob is a blob to serve.
type Blob struct {
	Digest string
	Size   int64
	Open   func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	// Link is registry.Content's.
	Link registry.Link
}

// Upload is the state of an upload session.
type Upload struct {
	ID     string
	Offset int64
}

// Descriptor is an entry of a referrers list (image-spec descriptor).
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}
