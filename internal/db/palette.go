package db

import (
	"context"
	"time"

	"packregistry/internal/pack"
)

// Palette keeps the entries that Palettes have for this registry, how far each has synced, and what it shows. None of
// this appends to the feed. Names of connections are those of their entries.
type Palette interface {
	// Connections lists all, by name.
	Connections(ctx context.Context) ([]Connection, error)
	// PutConnection makes or changes one, but for its Sync and CreatedAt, which it keeps; ChangedAt is now when not given.
	// One whose Palette, UID, Kind or Namespace changes has synced and shown nothing yet.
	PutConnection(ctx context.Context, c Connection) error
	// DeleteConnection removes one with what it shows. KindNotFound, code connection_not_found.
	DeleteConnection(ctx context.Context, name string) error
	// PutSync sets how the syncs of the connection stand. With a Seq that grows it also forgets what is shown of
	// versions that are no longer there. KindNotFound, code connection_not_found, also when its UID is no longer uid.
	PutSync(ctx context.Context, name, uid string, s ConnectionSync) error

	// SetShown says which versions of a pack the connection shows: these and no others. One that is shown in the same
	// revision keeps its Since. KindNotFound as PutSync.
	SetShown(ctx context.Context, name, uid, pack string, shown []Shown) error
	// Unshown lists up to limit versions of the connection's namespace whose current revision it does not show, the newest
	// push first. It is empty for a connection that is not there.
	Unshown(ctx context.Context, name string, limit int) ([]Unshown, error)
	// ShownIn tells which connections show that revision of a version, by name.
	ShownIn(ctx context.Context, namespace, pack, version string, revision int) ([]pack.Visible, error)
	// Standing counts what a connection lacks. It is zero for one that is not there.
	Standing(ctx context.Context, name string) (Standing, error)
}

// Connection is an entry in a Palette. It holds no password: Palette was given it, and has it alone.
type Connection struct {
	Name    string
	Palette string // its URL
	UID     string // "" until the entry is made
	Kind    string // oci or pack
	// Namespace is what Palette reads, and Endpoint where.
	Namespace, Endpoint string
	// Account is whom Palette logs in as, and Credential marks the password that it was given.
	Account, Credential  string
	CreatedAt, ChangedAt time.Time
	Sync                 ConnectionSync
}

// ConnectionSync is how the syncs of a connection stand. Times are zero for never.
type ConnectionSync struct {
	// Seq is the number of the newest change that a good sync can have seen.
	Seq int64
	// Asked is when a sync was last asked for, Ended when one was last seen to end, Good when one last ended well.
	Asked, Ended, Good time.Time
	State              string // of the last one, in the words of palette.State; "" none yet
	// Problem is why the last attempt did not end well, or what Palette said though it did; "" nothing.
	Problem string
}

// Shown is a version that a connection shows.
type Shown struct {
	Version  string
	Revision int
	Since    time.Time
}

// Unshown is a version that a connection does not show.
type Unshown struct {
	Pack, Version string
	Revision      int
	PushedAt      time.Time
}

// Standing is what a connection lacks.
type Standing struct {
	// Changes is the number of changes to versions in its namespace (of the legacy kind, of tags too) after Sync.Seq,
	// and Oldest when the first of them was made; zero for none.
	Changes int64
	Oldest  time.Time
	// Shown and Unshown count the versions of its namespace.
	Shown, Unshown int
}
