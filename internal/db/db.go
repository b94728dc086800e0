// Package db is the contract of the catalogue: packs, versions, tags, files,
// the change feed, blob leases and accounts. Two databases fulfil it,
// db/postgres and db/sqlite; db/dbtest judges what "the same" means.
//
// All methods are safe for concurrent use, also by several processes on one
// database. Errors are *pack.Error; a database that cannot answer now gives
// KindUnavailable with RetryAfter, a cancelled context an error that wraps
// ctx.Err(). When a writing method returns nil, what it wrote survives a crash;
// when it returns KindUnavailable or a context error, it may have happened or
// not. Each writing method is one transaction that also appends its changes to
// the feed.
package db

import (
	"context"
	"time"

	"packregistry/internal/pack"
)

// DB is all of a catalogue. Consumers take the small part they need.
type DB interface {
	Reader
	Writer
	Feed
	Blobs
	OCI
	Accounts
	Porter
	Palette
	Locks
	Consumers

	// Ping tells whether the database answers (readiness).
	Ping(ctx context.Context) error
	// SchemaVersion is the number of the newest migration applied, and the
	// newest this binary knows. They are equal after Open; a newer release that opens
	// the same database later moves the first beyond the second.
	SchemaVersion(ctx context.Context) (applied, known int, err error)
	// Close ends all connections. Later calls fail with KindUnavailable.
	Close() error
}

// Reader finds versions. Nothing it returns is shared with the database: the
// caller may change it. Deleted versions are never found.
type Reader interface {
	// Resolve finds the version a reference means (pack.ParseReference). A digest
	// finds any revision that is still kept, by the digest of its zip or of its
	// tar.gz; the other references find the newest revision. The document is
	// whole: Tags (none for an overwritten revision, which is found by digest only), Warnings and Manifest are filled. KindNotFound, with code
	// pack_not_found or version_not_found.
	Resolve(ctx context.Context, namespace, name string, ref pack.Reference) (*pack.Version, error)

	// ContentDigest gives that of the current revision of a version as it is spelt, with one look
	// at an index however many versions the pack has. KindNotFound, code version_not_found.
	ContentDigest(ctx context.Context, namespace, name, version string) (string, error)

	// Pack gives all versions of a pack, newest first by pack.CompareVersions,
	// without Manifest and Warnings, and all its tags. KindNotFound when it has no version.
	Pack(ctx context.Context, namespace, name string) (*Pack, error)

	// Search finds packs; see Query.
	Search(ctx context.Context, q Query) (*Page, error)

	// Files lists the files of a revision by path, in byte order.
	Files(ctx context.Context, revisionID int64) ([]pack.File, error)
	// File finds one of them. KindNotFound, code file_not_found.
	File(ctx context.Context, revisionID int64, path string) (*pack.File, error)
	// FileBySHA256 finds a file of any kept revision of any version of the pack by
	// the SHA-256 (hex) of its bytes.
	FileBySHA256(ctx context.Context, namespace, name, sha256 string) (*pack.Version, *pack.File, error)

	// Names lists the packs of a namespace ("*" for all, then as namespace/name),
	// in byte order. It is served from an index.
	Names(ctx context.Context, namespace string) ([]string, error)
}

// Pack is a pack with its versions and tags.
type Pack struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Latest    string         `json:"latest"` // the version "latest" means
	Versions  []pack.Version `json:"versions"`
	Tags      []pack.Tag     `json:"tags"` // own, parent and hand-set, sorted by tag in byte order
}

// Writer changes the catalogue. Texts must be UTF-8 without NUL, and in namespaces, names, versions, tags and digests without
// U+001F: else KindInvalid, code text_invalid.
type Writer interface {
	// Publish makes a version true. The lease must cover Version.Digest and, when
	// Version.TarGzStored, Version.TarGzDigest: an expired or foreign lease is
	// KindUnavailable and nothing is changed (of content that is there already, Same,
	// it is not asked). On success the lease is used up. Inside
	// the one transaction it decides, of concurrent publishes of one version exactly one first:
	//   - a precondition that does not hold: KindPrecondition;
	//   - no version of that name, or a deleted one: created (its revision goes on counting);
	//   - same ContentDigest: Same, nothing is written, the stored document is returned;
	//   - other content and neither Force nor Overwrite: KindConflict, code version_exists;
	//   - else the next revision; the old one stays, found by digest only.
	// A pack that is new gets its row, a namespace too. A hand-set tag spelt like
	// the version's own tag, or like the version, gives way (tag.deleted precedes version.pushed).
	Publish(ctx context.Context, p Publication) (*pack.Version, Outcome, error)

	// DeleteVersion removes a version, all its revisions (also the overwritten
	// ones) and the hand-set tags that point to it; each tag gives tag.deleted,
	// before version.deleted. ifMatch, when not empty, is the digest the caller
	// believes current: else KindPrecondition. KindNotFound when there is none.
	DeleteVersion(ctx context.Context, namespace, name, version string, ifMatch pack.Digest, by string) error
	// DeletePack removes all versions of a pack, each with its changes, in one transaction.
	DeletePack(ctx context.Context, namespace, name, by string) error

	// SetTag points a hand-set tag at a version; setting what is already so writes
	// nothing. KindConflict, code tag_reserved, when the tag is "latest", spelt like a parent
	// tag, or is a version's own tag or version; KindNotFound when the version is not there.
	SetTag(ctx context.Context, namespace, name, tag, version, by string) error
	// DeleteTag removes a hand-set tag. KindConflict, code tag_derived, for an own or parent tag.
	DeleteTag(ctx context.Context, namespace, name, tag, by string) error

	// PruneRevisions forgets overwritten revisions replaced before the time, and
	// returns how many. Their blobs go with the sweep.
	PruneRevisions(ctx context.Context, replacedBefore time.Time) (int, error)
}

// Publication is what Publish writes.
type Publication struct {
	// Version is the document; Revision, RevisionID and Tags are decided by Publish.
	Version pack.Version
	Files   []pack.File
	// Readme is searched with the lowest weight; at most its first 64 KiB count.
	Readme string
	Lease  LeaseID
	// Manifest, when not nil, becomes the OCI manifest of the revision, also when the outcome is Same (OCI.SetPackManifest).
	// The lease must cover its Blob and Blobs, or rows refer to them.
	Manifest *OCIManifest
	// Force or Overwrite allow other content under a known version.
	Force, Overwrite bool
	// IfMatch, when not empty, is the digest that must be current; "*" any.
	IfMatch pack.Digest
	// IfNoneMatch requires that the version is not there.
	IfNoneMatch bool
}

// Outcome is what a publish did.
type Outcome string

// The three outcomes that are no error.
const (
	Created  Outcome = "created"  // a version that was not there
	Same     Outcome = "same"     // the same content was there
	Replaced Outcome = "replaced" // a new revision of a version with other content
)

// Mark is a place in the change feed: a number and the random mark of the change
// that has it. The zero feed has Seq 0 and the mark of the database's birth.
type Mark struct {
	Seq  int64
	Mark string
}

// Feed is the change feed (design section 6). Numbers have no gaps that matter
// and are given in commit order: whoever has seen N has seen all below N for good.
type Feed interface {
	// Head is the newest mark, read from the database with one cheap query.
	Head(ctx context.Context) (Mark, error)

	// Changes returns up to limit changes after since in order, of the namespace
	// ("*" for all), and the mark up to which the feed was read: with a namespace
	// filter it may be beyond the last change returned. At the end it equals Head.
	// The zero Mark as since means before any change. A since that is not in this
	// feed is KindCursorGone, code cursor_gone.
	Changes(ctx context.Context, since Mark, namespace string, limit int) ([]pack.Change, Mark, error)

	// EachChange is Changes, one change at a time. fn must not keep the change or any of its
	// texts, nor call the database. After an error it may have been called for some.
	EachChange(ctx context.Context, since Mark, namespace string, limit int, fn func(*pack.Change)) (Mark, error)

	// Snapshot calls fn for every version of the namespace ("*" for all), by
	// namespace, name and version order, all as of one instant, with Tags holding
	// the hand-set tags only and without Manifest and Warnings, and returns the mark
	// of that instant. fn must not call the database. It streams: memory does not
	// grow with the catalogue.
	Snapshot(ctx context.Context, namespace string, fn func(*pack.Version) error) (Mark, error)

	// SnapshotSince tells what of a Snapshot of all namespaces, taken at since, is no longer so,
	// as of one instant: changed are the packs of all changes after since, and fn is called
	// for each version that one of them has now, as Snapshot does. With more than most packs
	// changed it calls fn for none and changed is longer than most. KindCursorGone like Changes.
	SnapshotSince(ctx context.Context, since Mark, most int, fn func(*pack.Version) error) (changed []PackName, _ Mark, err error)

	// Watch returns a channel that receives (coalesced, never blocking the sender)
	// whenever the head may have moved, also by another process, and whether a live
	// notification connection stands behind it is told by Live. The channel is
	// closed when ctx ends.
	Watch(ctx context.Context) <-chan struct{}
	// Live reports whether a change by another process would be told by Watch
	// within a moment. While it is false, Head must be read to know.
	Live() bool
}

// LeaseID names the lease of one publish or upload session.
type LeaseID string

// BlobRef is a blob as the catalogue knows it.
type BlobRef struct {
	Digest pack.Digest
	Size   int64 // 0 when not known
	// Referenced is false for a blob that only a lease or nothing holds.
	Referenced bool
}

// Blobs guards blobs against the sweep (design section 3).
type Blobs interface {
	// Lease announces that a publish is going to put or reuse the blobs. While it
	// lives no sweep removes them. It waits for a sweep that holds one of them.
	Lease(ctx context.Context, digests []pack.Digest, ttl time.Duration) (LeaseID, error)
	// Extend adds blobs to a lease, which are then put, and renews it: everything it
	// still covers ends ttl from now. What it has lost (it had expired and the blob was
	// swept) it does not get back unless it is named, and then has to be put anew. It waits for a sweep, like Lease.
	Extend(ctx context.Context, id LeaseID, digests []pack.Digest, ttl time.Duration) error
	// Release gives a lease back; one that is used up or gone is a success.
	Release(ctx context.Context, id LeaseID) error

	// SweepBlob calls remove while it holds the blob's row lock, when nothing
	// refers to the blob and no unexpired lease covers it, then forgets the blob.
	// It reports whether remove was called and succeeded. remove must not call the database. A blob the catalogue has
	// never heard of is swept likewise.
	SweepBlob(ctx context.Context, d pack.Digest, remove func(context.Context) error) (bool, error)

	// BlobRefs calls fn for every blob that a row refers to, once, in digest order: kept
	// revisions, blobs and manifests of OCI repositories, manifests of packs with their blobs, parts of upload sessions.
	BlobRefs(ctx context.Context, fn func(BlobRef) error) error
	// Referenced reports whether a row refers to the blob (see BlobRefs) or a lease covers it.
	Referenced(ctx context.Context, d pack.Digest) (bool, error)
}

// Account is someone who may log in.
type Account struct {
	Name      string
	Hash      string // bcrypt
	Role      string // reader, publisher, admin
	UpdatedAt time.Time
}

// Accounts keeps the accounts the server made.
type Accounts interface {
	// ListAccounts returns all, by name.
	ListAccounts(ctx context.Context) ([]Account, error)
	// PutAccount makes or changes an account.
	PutAccount(ctx context.Context, a Account) error
	// CreateFirstAccount makes the account only if there is none at all, and
	// reports whether it did; of several replicas exactly one does.
	CreateFirstAccount(ctx context.Context, a Account) (bool, error)
	// DeleteAccount removes one. KindNotFound.
	DeleteAccount(ctx context.Context, name string) error
}
