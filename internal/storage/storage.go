// Package storage is the contract of the blob store and what all backends
// share: the key layout, the hashing on the way in and out, and the spool.
//
// A blob is bytes under their SHA-256. Blobs never change; the same bytes put
// twice are one blob. The store knows nothing of packs: what a blob means, and
// whether it may go, is the catalogue's business.
package storage

import (
	"context"
	"io"
	"time"

	"packregistry/internal/pack"
)

// Store keeps blobs. All methods are safe for concurrent use, also by several
// processes on one store. Errors are *pack.Error: KindNotFound for a blob that
// is not there, KindCorrupt for bytes that do not hash to their name, KindNoSpace
// for a full disk or quota, KindUnavailable (with RetryAfter) for a store that
// may answer later or that an admin has to mend first (CodeDenied,
// CodeMisconfigured); a cancelled context gives an error that wraps ctx.Err().
// An SDK's or the operating system's error type is never needed to tell them apart.
type Store interface {
	// Put stores src under d. It reads src at least once, in order, and checks
	// the hash before anything becomes visible: KindCorrupt when it is not d.
	// When it returns nil the blob survives a power loss. It is atomic (a reader
	// sees the whole blob or none) and idempotent: a blob already there with the
	// right size is a success and is not written again; one with another size (a
	// copy that broke off) is replaced. An error may mean either that nothing
	// happened or that the blob is there: the caller may repeat. After a Put the
	// source may be read and closed, but never written: its file may be the blob.
	Put(ctx context.Context, d pack.Digest, src Source) error

	// Open reads length bytes from offset; length < 0 means to the end, and a length
	// beyond the end is cut there. An offset at the end gives an empty stream, one
	// beyond it KindInvalid. A stream over the whole blob verifies the hash and gives
	// KindCorrupt in place of its last bytes when it does not hold, unless the store has
	// verified these bytes a short while ago and knows them untouched; a part is not
	// verified (VerifyReader always does). A stream never ends early with io.EOF. One that verifies
	// nothing may be Settled. It has one user, who closes it when it is not being read: what it reads from may then be
	// another one's.
	Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error)

	// Stat gives size and modification time without reading the bytes.
	Stat(ctx context.Context, d pack.Digest) (Info, error)

	// Delete removes the blob, durably. A blob that is not there is a success.
	Delete(ctx context.Context, d pack.Digest) error

	// Walk calls fn for each blob, in no order. Blobs put or deleted meanwhile may
	// be seen or not. Things that are no blobs are left alone. An error of fn ends
	// the walk and is returned.
	Walk(ctx context.Context, fn func(Info) error) error

	// Check tells whether the store can be used now, cheaply (readiness).
	Check(ctx context.Context) error

	// Tidy removes what crashed writers left behind and is older than the time:
	// temporary files, unfinished multipart uploads. It returns how many.
	Tidy(ctx context.Context, before time.Time) (int, error)
}

// Direct is the store behind one that keeps copies, for who wants to know what is really stored.
func Direct(s Store) Store {
	if c, ok := s.(interface{ Direct() Store }); ok {
		return c.Direct()
	}
	return s
}

// Settled is a stream that verifies nothing, because there is no need or it is a part,
// and that has a faster way out than Read. The method keeps wrappers that are
// an io.WriterTo by accident from being taken for one.
type Settled interface {
	io.ReadCloser
	io.WriterTo
	Settled()
}

// Info describes a stored blob.
type Info struct {
	Digest  pack.Digest
	Size    int64
	ModTime time.Time
}

// Source is the content of a Put, readable more than once (for retries).
// *Spool is one. A Source that also has Path() string, not empty, lies in a file that the
// local store may link instead of copying, when it is on the same file system.
type Source interface {
	io.ReaderAt
	Size() int64
}
