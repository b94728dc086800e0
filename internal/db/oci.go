package db

import (
	"context"
	"time"

	"packregistry/internal/pack"
)

// OCI keeps repositories that hold ordinary OCI content (distribution spec 1.1), and the manifests
// of pack versions. Bytes lie in the blob store under their SHA-256; rows say which repository has a right to which.
// Digests here are as clients spell them, sha256:... or sha512:...; Blob is always the SHA-256 they are stored under.
//
// A repository name is the full path, lower case, at most 255 bytes. A repository comes to be with its first blob or
// manifest, and stays without tags; PruneOCIBlobs takes it away when nothing is left. None of this appends to the feed.
//
// Every row that names a Blob is a reference that keeps it from the sweep, those of upload sessions included. A method that
// takes a lease wants each blob it is given covered by it, or referred to by a row already; else KindUnavailable, code
// lease_expired, and nothing is changed. No method here uses the lease up: the caller releases it.
type OCI interface {
	// PutOCIBlob gives a repository the right to a blob; for a mount, of a blob that is referred to, the lease may be "".
	// Idempotent: it renews the age that PruneOCIBlobs goes by.
	PutOCIBlob(ctx context.Context, repo string, l OCILink, lease LeaseID) error
	// OCIBlob finds a blob by its digest in the repository. KindNotFound, code blob_unknown.
	OCIBlob(ctx context.Context, repo, digest string) (*OCILink, error)
	// DeleteOCIBlob ends the right. KindNotFound, code blob_unknown; KindConflict, code blob_in_use, while a manifest of the repository refers to it.
	DeleteOCIBlob(ctx context.Context, repo, digest string) error
	// PruneOCIBlobs ends rights to blobs that no manifest of their repository refers to and that were put before the time, and returns how many.
	PruneOCIBlobs(ctx context.Context, before time.Time) (int, error)

	// PutOCIManifest stores a manifest and points the tags at it, in one transaction. Idempotent; of the same bytes
	// the newest media type and Refers count. KindNotFound, code manifest_blob_unknown, when one of Refers is neither a
	// blob nor a manifest of the repository (it was deleted meanwhile) nor one of a pack.
	PutOCIManifest(ctx context.Context, repo string, m OCIManifest, tags []string, lease LeaseID) error
	// OCIManifest finds by digest, or by tag when ref has no colon; Refers is not filled. KindNotFound, code manifest_unknown
	// (name_unknown when there is no such repository).
	OCIManifest(ctx context.Context, repo, ref string) (*OCIManifest, error)
	// DeleteOCIManifest removes a manifest by digest with all its tags; its blobs stay until pruned. KindNotFound, as OCIManifest.
	DeleteOCIManifest(ctx context.Context, repo, digest string) error
	// DeleteOCITag removes one tag. KindNotFound, as OCIManifest.
	DeleteOCITag(ctx context.Context, repo, tag string) error
	// OCITags lists up to n tags after last in byte order (n <= 0: all). KindNotFound, code name_unknown, when there is no such repository.
	OCITags(ctx context.Context, repo string, n int, last string) ([]string, error)
	// OCIReferrers lists the manifests of the repository whose subject is digest, in digest order after last; artifactType "" is any.
	// It is empty for a repository that is not there, and Refers is not filled. The list ends with the manifest whose
	// Weight brings it to room bytes or above (room <= 0: never): annotations are as large as a publisher likes.
	OCIReferrers(ctx context.Context, repo, digest, artifactType, last string, room int) ([]OCIManifest, error)
	// OCIRepositories lists up to n repositories with at least one tag, after last in byte order (n <= 0: all), from an index.
	// Packs are not among them, unless there is ordinary content with a tag beside the versions.
	OCIRepositories(ctx context.Context, n int, last string) ([]string, error)
	// DeleteOCIRepository removes everything of a repository, upload sessions too. KindNotFound, code name_unknown.
	DeleteOCIRepository(ctx context.Context, repo string) error

	// PutOCIUpload makes or changes an upload session; expected is the offset it must have (-1: it must not exist yet), else KindConflict, code
	// offset_mismatch. KindNotFound, code upload_unknown, for one to change that has ended or expired. Parts is the whole list.
	// Only parts that are new to the session are asked of u.Lease; from then on the session keeps them and they are
	// taken off the lease, so that Extend stays cheap. Of concurrent calls with one expected offset exactly one succeeds.
	PutOCIUpload(ctx context.Context, u OCIUpload, expected int64) error
	// OCIUpload finds one that has not expired. KindNotFound, code upload_unknown.
	OCIUpload(ctx context.Context, id string) (*OCIUpload, error)
	// DeleteOCIUpload ends one and releases its lease; gone is a success.
	DeleteOCIUpload(ctx context.Context, id string) error
	// PruneOCIUploads does so with those that have expired, and returns how many.
	PruneOCIUploads(ctx context.Context) (int, error)

	// PackManifest finds the OCI manifest of a kept revision of a pack: by digest (of several revisions the newest), or, when ref has no
	// colon, the current one of the current revision of a version. KindNotFound, code manifest_unknown, also for a revision that has none yet.
	// Refers and Blobs are not filled.
	PackManifest(ctx context.Context, namespace, name, ref string) (*PackManifest, error)
	// VersionManifests lists the digests, in byte order, of all manifests of all kept revisions of a version; none when there is no such version.
	VersionManifests(ctx context.Context, namespace, name, version string) ([]string, error)
	// FirstPackManifest makes m the manifest of a revision that has none, and returns the one that stands then: of several
	// at once, and of any later one, the first. KindNotFound, code version_not_found, when the revision is no longer kept.
	FirstPackManifest(ctx context.Context, revisionID int64, m OCIManifest, lease LeaseID) (*PackManifest, error)
	// SetPackManifest makes a manifest the one of a revision, so moves the version's tag to another manifest of
	// the same content; the older ones stay found by digest. KindNotFound as FirstPackManifest. Publication.Manifest does so in the publish itself.
	SetPackManifest(ctx context.Context, revisionID int64, m OCIManifest, lease LeaseID) error
	// DeletePackManifest ends a manifest by digest that no version's tag points at: an older one of a current revision, or one of
	// overwritten revisions. KindNotFound, code manifest_unknown; KindConflict, code manifest_in_use, when a tag does.
	DeletePackManifest(ctx context.Context, namespace, name, digest string) error
	// PackBlob finds one of the Blobs of a manifest of a kept revision of the pack. KindNotFound, code blob_unknown.
	PackBlob(ctx context.Context, namespace, name, digest string) (*OCILink, error)
	// PackRepositories lists the packs that have a version, as namespace and name, in byte order of "namespace/name", from an index.
	PackRepositories(ctx context.Context) ([]PackName, error)
}

// OCILink is a repository's right to a blob.
type OCILink struct {
	Digest string      // as the client named it
	Blob   pack.Digest // where the bytes lie
	Size   int64
}

// OCIManifest is a stored manifest. Its bytes lie in the blob store.
type OCIManifest struct {
	Digest       string
	Blob         pack.Digest
	Size         int64
	MediaType    string
	ArtifactType string            // artifactType, else the config's media type (distribution spec, referrers)
	Subject      string            // digest, "" none
	Annotations  map[string]string // of the manifest, for referrers
	// Refers are the digests of config, layers and, for an index, manifests; it keeps their blobs. Those that
	// the repository does not have are left out by the caller. Not used for the manifest of a pack.
	Refers []string
	// Blobs, of the manifest of a pack only, are the stored blobs it names (config, layers pushed): it keeps them
	// for as long as its revision is kept. A layer that is made from the zip on demand is not among them.
	Blobs []OCILink
}

// Weight is about the length in bytes of its entry in a referrers list.
func (m *OCIManifest) Weight() int {
	n := 160 + len(m.Digest) + len(m.MediaType) + len(m.ArtifactType)
	for k, v := range m.Annotations {
		n += len(k) + len(v) + 6
	}
	return n
}

// OCIUpload is an upload session. Any replica continues it.
type OCIUpload struct {
	ID, Repo, User string
	Offset         int64
	Parts          []OCILink // in order; each a blob of its own
	// Lease is for parts on their way: Extend it by a part, put the part, PutOCIUpload. Lease(ctx, nil, ttl) makes an empty one.
	Lease   LeaseID
	Expires time.Time
}

// PackManifest is the manifest of a revision of a pack.
type PackManifest struct {
	OCIManifest
	Version string
	// RevisionID is of the revision whose layer the manifest names.
	RevisionID int64
	// Current tells that the version's tag points at it: it is the newest set manifest of the current revision.
	Current bool
}

// PackName names a pack.
type PackName struct{ Namespace, Name string }
