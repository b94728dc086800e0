// Package registry is the core: it owns the rules and the order of writes.
// Faces call it with parsed, authenticated requests; it calls storage for bytes
// and db for facts, always bytes first and facts last.
package registry

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry/snapshot"
	"packregistry/internal/storage"
)

// Config is what a Registry needs. Everything is required but what says
// otherwise.
type Config struct {
	Store storage.Store
	// Linker gives out addresses of the blobs of Store. Nil means that all content comes through Content.Open.
	Linker  storage.Linker
	DB      db.DB
	Checker *check.Checker
	// SpoolDir is an existing directory for uploads in flight, best on the file
	// system of a local store.
	SpoolDir string
	// ArchiveLimit is the largest archive accepted, in bytes.
	ArchiveLimit int64
	// SweepGrace is how old an unreferenced blob must be to be removed. Zero is
	// safe too: leases, not the grace, protect a publish in flight. The grace is
	// for people who want to look before bytes are gone.
	SweepGrace time.Duration
	// SweepInterval is the time between two sweeps of Run; zero means Run never sweeps.
	SweepInterval time.Duration
	// Retention is how long an overwritten revision stays fetchable by its
	// digest; zero, the default, means without end. Run applies it with each sweep.
	Retention time.Duration
	// LeaseTTL is how long a publish may take from its first blob to its
	// transaction, and how long a crashed one keeps its blobs from the sweep. Zero
	// means DefaultLeaseTTL.
	LeaseTTL time.Duration
	// Overwrite tells whether a namespace lets content move without force. Nil means none does.
	Overwrite func(namespace string) bool
	Log       *slog.Logger
	Now       func() time.Time
}

// DefaultLeaseTTL is long enough for a large archive on a slow store and short
// enough that the blobs of a crashed publish do not stay for a day.
const DefaultLeaseTTL = 30 * time.Minute

// Registry is the product without a face. Safe for concurrent use.
type Registry struct {
	cfg   Config
	heads headCache
	// versions is what references mean, as far as it was asked for.
	versions versions
	bell     bell
	probes   [probeCount]probe
	counts   counters
	looks    joined
	// books is the catalogue, written down.
	books *snapshot.Keeper
	// streams bounds Catalogue.
	streams streams
	chores  chores
	// consumers is what Run writes.
	consumers consumers
	// closing is set when Run ends: readers that wait are answered.
	closing atomic.Bool
}

// New makes a Registry. It starts nothing: Run does. Without Run everything
// works, only slower: the head is read each time and waiting readers poll.
func New(cfg Config) *Registry {
	if cfg.LeaseTTL == 0 {
		cfg.LeaseTTL = DefaultLeaseTTL
	}
	return &Registry{
		cfg: cfg, books: snapshot.New(cfg.DB, cfg.SpoolDir), streams: make(streams, MaxStreams), looks: joined{turns: make(chan struct{}, headReads)},
	}
}

// Upload is a request to publish.
type Upload struct {
	Namespace string
	Body      io.Reader // zip or tar.gz; the bytes decide
	// Name and Version, when not empty, must match pack.json.
	Name, Version string
	Force         bool
	Message       string // required with Force
	By            string
	IfMatch       pack.Digest // "" none, "*" any
	IfNoneMatch   bool
}

// Published is the answer to an Upload.
type Published struct {
	Version *pack.Version
	Outcome db.Outcome
}

// Content is bytes to send: an archive or a file of one.
type Content struct {
	Name    string // suggested file name, without a directory
	Digest  pack.Digest
	Size    int64
	ModTime time.Time
	// MediaType is set for archives; a face decides it for files.
	MediaType string
	// Open gives length bytes from offset (length < 0: to the end). For a file that
	// is compressed in the archive an offset costs inflating what is before it. The end of
	// a stream over the whole is where bytes that do not hold are told, unless it is Settled.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	// Link gives an address from which a client gets the same bytes by itself, for some minutes, with that Content-Type and
	// Content-Disposition. Who hands it on hands on the right to read them, and verifies nothing. Its errors are Open's. Nil where there is no
	// such address: the content is made on the way, or the store gives none out.
	Link Link
}

// Link is Content.Link. What it gives is a secret, and is never logged.
type Link func(ctx context.Context, mediaType, disposition string) (address string, err error)

// Settled is a stream (Content.Open) that has nothing to tell at its end, and that io.Copy
// may hand to the kernel.
type Settled interface{ storage.Settled }

// Validation is the answer to Validate.
type Validation struct {
	Valid    bool           `json:"valid"`
	Findings []pack.Finding `json:"findings"`
	Name     string         `json:"name,omitempty"`
	Version  string         `json:"version,omitempty"`
}
