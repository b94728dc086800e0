package db

import (
	"context"

	"packregistry/internal/pack"
)

// Porter carries a whole catalogue out of one database and into another, of either kind. Everything that cannot
// be derived goes with it, ids and the marks of the feed included: two catalogues with the same export are the same.
// Upload sessions, leases and what a server finds out again by itself stay behind.
type Porter interface {
	// Export hands the catalogue to the sink as of one instant, whatever is written meanwhile, in an order that
	// is the same for both databases. It streams: memory does not grow with the catalogue. The sink must not call the
	// database; its error ends the export and is returned.
	Export(ctx context.Context, to ExportSink) error

	// Vacant reports whether Import would find the catalogue empty: KindConflict, code catalogue_not_empty, when not.
	Vacant(ctx context.Context) error

	// Import fills an empty catalogue with what source hands to its sink, all of it in one transaction, and
	// makes anew what is derived (the search index). Each blob it names must be covered by a lease, as
	// anything that writes a row that names one (KindUnavailable, code lease_expired); no lease is used up. An export of an
	// older schema is taken, and its columns and tables that are missing get their defaults. KindConflict as Vacant;
	// KindInvalid, code export_invalid, for an export that this release cannot read, a newer one included.
	// source is called again, from the start, when the database asks for another try.
	Import(ctx context.Context, source func(ExportSink) error) error
}

// ExportHeader says what an export is of.
type ExportHeader struct {
	// Schema is the newest migration of the database it was made from.
	Schema int
	// Birth is the mark of change 0: it tells registries apart, and is kept through restores.
	Birth string
	// Head is the newest change in it.
	Head Mark
}

// ExportSink takes an export: one Begin, the blobs that its rows name in digest order, each once, then
// table by table its columns and its rows. A table comes after those it refers to.
type ExportSink interface {
	Begin(h ExportHeader) error
	Blob(d pack.Digest, size int64) error
	Table(name string, columns []string) error
	// Row holds a value for each column of the table: nil, a bool, an int64 or a string (bytes are in hex). The slice
	// is the caller's again when Row returns.
	Row(values []any) error
}
