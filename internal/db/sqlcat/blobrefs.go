package sqlcat

import (
	"context"
	"errors"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// What refers to a blob is said twice, here and nowhere else: referredTerms asks for one
// blob, blobRefsQuery lists them all (and keptBlobsQuery those an export names). A new column that names a blob goes into both,
// with an index of its own, and its rows are written after keepBlobs.

// referredTerms holds when a row refers to the blob $1.
const referredTerms = `EXISTS (SELECT 1 FROM revisions WHERE digest = $1)
 OR EXISTS (SELECT 1 FROM revisions WHERE targz_digest = $1 AND targz_stored)
 OR EXISTS (SELECT 1 FROM oci_blobs WHERE blob = $1)
 OR EXISTS (SELECT 1 FROM oci_manifests WHERE blob = $1)
 OR EXISTS (SELECT 1 FROM oci_upload_parts WHERE blob = $1)
 OR EXISTS (SELECT 1 FROM pack_manifests WHERE blob = $1)
 OR EXISTS (SELECT 1 FROM pack_manifest_blobs WHERE blob = $1)`

// blobRefsQuery gives each part sorted from an index, so that no database has to collect them.
const blobRefsQuery = keptBlobsParts + `
 UNION ALL SELECT blob, size FROM oci_upload_parts
 ORDER BY 1`

// keptBlobsQuery leaves out what only upload sessions name: what an export names.
const keptBlobsQuery = keptBlobsParts + ` ORDER BY 1`

const keptBlobsParts = `SELECT digest, size FROM revisions
 UNION ALL SELECT targz_digest, targz_size FROM revisions WHERE targz_stored
 UNION ALL SELECT blob, size FROM oci_blobs
 UNION ALL SELECT blob, size FROM oci_manifests
 UNION ALL SELECT blob, size FROM pack_manifests
 UNION ALL SELECT blob, size FROM pack_manifest_blobs`

// blobHeld reports whether a row or an unexpired lease holds the blob.
func blobHeld(ctx context.Context, tx Tx, d pack.Digest, now time.Time) (bool, error) {
	return holds(tx.QueryRow(ctx, `SELECT 1 WHERE `+referredTerms+`
 OR EXISTS (SELECT 1 FROM leases WHERE digest = $1 AND expires_at > $2)`, string(d), micros(now)))
}

// holds reports whether a query for 1 found anything.
func holds(row Row) (bool, error) {
	var one int64
	err := row.Scan(&one)
	if errors.Is(err, ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// keepBlobs locks the blobs until the commit, and checks that the lease, which stays,
// or a row has kept each of them until now. Rows that name the blobs may be written after it.
func (c *Catalogue) keepBlobs(ctx context.Context, tx Tx, lease db.LeaseID, blobs ...pack.Digest) error {
	sorted, err := sortedDigests(blobs)
	if err != nil {
		return err
	}
	if err := lockBlobs(ctx, tx, sorted); err != nil {
		return err
	}
	if !storable(string(lease)) {
		lease = ""
	}
	for _, d := range sorted {
		held, err := holds(tx.QueryRow(ctx, `SELECT 1 WHERE EXISTS (SELECT 1 FROM leases WHERE id = $2 AND digest = $1 AND expires_at > $3)
 OR `+referredTerms, d, string(lease), micros(c.now())))
		if err != nil {
			return err
		}
		if !held {
			return leaseLost()
		}
	}
	return nil
}

// Referenced implements db.Blobs.
func (c *Catalogue) Referenced(ctx context.Context, d pack.Digest) (bool, error) {
	if _, err := pack.ParseDigest(string(d)); err != nil {
		return false, err
	}
	return blobHeld(ctx, c.b.Direct(), d, c.now())
}

// BlobRefs implements db.Blobs.
func (c *Catalogue) BlobRefs(ctx context.Context, fn func(db.BlobRef) error) error {
	return c.b.Read(ctx, func(tx Tx) error {
		return eachBlob(ctx, tx, blobRefsQuery, func(d pack.Digest, size int64) error {
			return fn(db.BlobRef{Digest: d, Size: size, Referenced: true})
		})
	})
}

// eachBlob calls fn once for each blob of a query that is sorted by digest.
func eachBlob(ctx context.Context, tx Tx, query string, fn func(d pack.Digest, size int64) error) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last pack.Digest
	for rows.Next() {
		var d pack.Digest
		var size int64
		if err := rows.Scan((*string)(&d), &size); err != nil {
			return err
		}
		if d == last {
			continue
		}
		last = d
		if err := fn(d, size); err != nil {
			return err
		}
	}
	return rows.Err()
}
