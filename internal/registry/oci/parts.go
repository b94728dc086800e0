package oci

import (
	"context"
	"errors"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Small chunks are put together, so that the list of parts, and the number of blobs of a session, stay small: a chunk
// takes the parts before it along while they are not twice its size. Each part is then at least twice the next one, or
// a neighbour of one that makes more than mergeLimit with it; each byte is written again at most some twenty times.
const (
	mergeLimit = 16 << 20
	maxParts   = 10_000 // of chunks of 8 MiB these are 80 GB
)

// withChunk gives the session as it is to be with a chunk added, and a new spool when parts are merged with the chunk.
func (c *Core) withChunk(ctx context.Context, u *db.OCIUpload, chunk *received) (_ *db.OCIUpload, merged *received, err error) {
	next := *u
	next.Parts = slices.Clone(u.Parts)
	next.Offset += chunk.Size()
	next.Expires = c.cfg.Now().Add(c.cfg.UploadTTL)
	if chunk.Size() == 0 {
		return &next, nil, nil
	}
	first := firstToMerge(u.Parts, chunk.Size())
	added := chunk
	if first < len(u.Parts) {
		parts := &partsReader{ctx: ctx, store: c.cfg.Store, parts: u.Parts[first:]}
		merged, err = c.receive(ctx, "", -1, parts, readerOf(chunk))
		if err = errors.Join(err, parts.Close()); err != nil {
			if merged != nil {
				merged.Close()
			}
			return nil, nil, lostSession(err)
		}
		added = merged
	}
	if first >= maxParts {
		return nil, nil, &pack.Error{
			Kind: pack.KindTooLarge, Code: "too_many_chunks", Limit: c.cfg.BlobLimit,
			Message: "the upload has too many chunks; send larger ones",
		}
	}
	part := db.OCILink{Digest: string(added.Digest()), Blob: added.Digest(), Size: added.Size()}
	next.Parts = append(next.Parts[:first], part)
	return &next, merged, nil
}

// firstToMerge is the index of the first part that a chunk takes along, the number of parts for none.
func firstToMerge(parts []db.OCILink, size int64) int {
	i := len(parts)
	for i > 0 && parts[i-1].Size < 2*size && parts[i-1].Size+size <= mergeLimit {
		i--
		size += parts[i].Size
	}
	return i
}
