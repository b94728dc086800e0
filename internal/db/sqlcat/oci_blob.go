package sqlcat

import (
	"context"
	"errors"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// PutOCIBlob implements db.OCI.
func (c *Catalogue) PutOCIBlob(ctx context.Context, repo string, l db.OCILink, lease db.LeaseID) error {
	if err := checkStorable(repo, l.Digest); err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		id, err := claimRepository(ctx, tx, repo)
		if err != nil {
			return err
		}
		if err := c.keepBlobs(ctx, tx, lease, l.Blob); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO oci_blobs (repository_id, digest, blob, size, put_at) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (repository_id, digest) DO UPDATE SET blob = excluded.blob, size = excluded.size, put_at = excluded.put_at`,
			id, l.Digest, string(l.Blob), l.Size, micros(c.now()))
		return err
	})
}

// OCIBlob implements db.OCI.
func (c *Catalogue) OCIBlob(ctx context.Context, repo, digest string) (*db.OCILink, error) {
	if !storable(repo, digest) {
		return nil, blobUnknown(digest)
	}
	return scanLink(digest, c.b.Direct().QueryRow(ctx, `SELECT b.digest, b.blob, b.size
 FROM oci_repositories r JOIN oci_blobs b ON b.repository_id = r.id WHERE r.name = $1 AND b.digest = $2`, repo, digest))
}

// scanLink reads digest, blob and size of the link that was asked for.
func scanLink(digest string, row Row) (*db.OCILink, error) {
	var l db.OCILink
	err := row.Scan(&l.Digest, (*string)(&l.Blob), &l.Size)
	if errors.Is(err, ErrNoRows) {
		return nil, blobUnknown(digest)
	}
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// DeleteOCIBlob implements db.OCI.
func (c *Catalogue) DeleteOCIBlob(ctx context.Context, repo, digest string) error {
	if !storable(digest) {
		return blobUnknown(digest)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		id, err := c.lockRepository(ctx, tx, repo)
		if pack.IsKind(err, pack.KindNotFound) {
			return blobUnknown(digest)
		}
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM oci_blobs WHERE repository_id = $1 AND digest = $2`, id, digest)
		if err != nil {
			return err
		}
		if n == 0 {
			return blobUnknown(digest)
		}
		used, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM oci_refers WHERE repository_id = $1 AND digest = $2 LIMIT 1`, id, digest))
		if err != nil {
			return err
		}
		if used {
			return pack.Errorf(pack.KindConflict, "blob_in_use",
				"the blob %s belongs to a manifest of the repository: delete the manifest first", digest)
		}
		return nil
	})
}

// unreferred holds for a row b of oci_blobs that no manifest of its repository refers to.
const unreferred = `NOT EXISTS (SELECT 1 FROM oci_refers f WHERE f.repository_id = b.repository_id AND f.digest = b.digest)`

// PruneOCIBlobs implements db.OCI, in one small transaction a repository.
func (c *Catalogue) PruneOCIBlobs(ctx context.Context, before time.Time) (int, error) {
	ids, err := c.prunable(ctx, before)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, id := range ids {
		var n int64
		err := c.b.Write(ctx, func(tx Tx) error {
			n = 0
			there, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM oci_repositories WHERE id = $1`+c.b.Dialect().ForUpdate, id))
			if err != nil || !there {
				return err
			}
			n, err = tx.Exec(ctx, `DELETE FROM oci_blobs AS b WHERE b.repository_id = $1 AND b.put_at < $2 AND `+unreferred, id, micros(before))
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `DELETE FROM oci_repositories WHERE id = $1
 AND NOT EXISTS (SELECT 1 FROM oci_blobs WHERE repository_id = $1)
 AND NOT EXISTS (SELECT 1 FROM oci_manifests WHERE repository_id = $1)`, id)
			return err
		})
		if err != nil {
			return total, err
		}
		total += int(n)
	}
	return total, nil
}

// prunable are the repositories that have something to prune, or nothing at all.
func (c *Catalogue) prunable(ctx context.Context, before time.Time) ([]int64, error) {
	rows, err := c.b.Direct().Query(ctx, `SELECT b.repository_id FROM oci_blobs b WHERE b.put_at < $1 AND `+unreferred+`
 UNION SELECT r.id FROM oci_repositories r WHERE NOT EXISTS (SELECT 1 FROM oci_blobs WHERE repository_id = r.id)
 AND NOT EXISTS (SELECT 1 FROM oci_manifests WHERE repository_id = r.id) ORDER BY 1`, micros(before))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
