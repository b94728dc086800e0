package storage

import (
	"context"

	"packregistry/internal/pack"
)

// Linker gives out addresses of the blobs of a store that can be reached without this server. Not every store can, and
// one that can does so only where an admin wants it.
type Linker interface {
	// Link gives an address from which whoever has it can GET the whole blob, or a range of it, straight from the store,
	// for some minutes: what is on its way then goes on. For that time the address is a secret, and is never logged. Nobody
	// verifies the bytes behind it but who fetches them. Errors are Open's, told before an address is given: KindNotFound
	// for a blob that is not there, KindCorrupt for one that has another size than it should.
	Link(ctx context.Context, d pack.Digest, as LinkOptions) (address string, err error)
}

// LinkOptions say how a blob is to be served.
type LinkOptions struct {
	Size                   int64  // what the blob should have, bytes
	MediaType, Disposition string // Content-Type and Content-Disposition of the answer; "" leaves them to the store
}
