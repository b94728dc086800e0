package sqlcat

import (
	"context"
	"errors"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// A session's rows keep its parts until the session is deleted, whatever its end says: so the clock of a sweeping
// process does not matter, and whoever may still go on with a session has all its parts.

// PutOCIUpload implements db.OCI.
func (c *Catalogue) PutOCIUpload(ctx context.Context, u db.OCIUpload, expected int64) error {
	if err := checkStorable(u.ID, u.Repo, u.User, string(u.Lease)); err != nil {
		return err
	}
	for _, p := range u.Parts {
		if err := checkStorable(p.Digest); err != nil {
			return err
		}
	}
	return c.b.Write(ctx, func(tx Tx) error {
		old, err := lockUpload(ctx, tx, c.b.Dialect(), u.ID)
		if err != nil {
			return err
		}
		if err := c.mayPut(old, &u, expected); err != nil {
			return err
		}
		if old == nil {
			err = insertUpload(ctx, tx, &u)
		} else {
			_, err = tx.Exec(ctx, `UPDATE oci_uploads SET uploaded = $1, lease_id = $2, expires_at = $3 WHERE id = $4`,
				u.Offset, string(u.Lease), micros(u.Expires), u.ID)
		}
		if err != nil {
			return err
		}
		return c.putParts(ctx, tx, &u)
	})
}

// lockUpload locks the row of a session and reads it without its parts; nil when there is none.
func lockUpload(ctx context.Context, tx Tx, d Dialect, id string) (*db.OCIUpload, error) {
	u, err := scanUpload(tx.QueryRow(ctx, uploadQuery+d.ForUpdate, id))
	if errors.Is(err, ErrNoRows) {
		return nil, nil
	}
	return u, err
}

const uploadQuery = `SELECT id, repository, user_name, uploaded, lease_id, expires_at FROM oci_uploads WHERE id = $1`

func scanUpload(row Row) (*db.OCIUpload, error) {
	var u db.OCIUpload
	var expires int64
	if err := row.Scan(&u.ID, &u.Repo, &u.User, &u.Offset, (*string)(&u.Lease), &expires); err != nil {
		return nil, err
	}
	u.Expires = fromMicros(expires)
	return &u, nil
}

// mayPut says whether the session old may become u.
func (c *Catalogue) mayPut(old, u *db.OCIUpload, expected int64) error {
	switch {
	case old == nil && expected < 0:
		return nil
	case old == nil, expected >= 0 && (!old.Expires.After(c.now()) || old.Repo != u.Repo || old.User != u.User):
		return uploadUnknown(u.ID)
	case expected < 0:
		return pack.Errorf(pack.KindConflict, "offset_mismatch", "the upload %s exists already", u.ID)
	case old.Offset != expected:
		return pack.Errorf(pack.KindConflict, "offset_mismatch", "the upload stands at %d bytes and not at %d", old.Offset, expected)
	}
	return nil
}

// insertUpload makes a session. When another transaction has just done so, it asks for another try, which finds it.
func insertUpload(ctx context.Context, tx Tx, u *db.OCIUpload) error {
	n, err := tx.Exec(ctx, `INSERT INTO oci_uploads (id, repository, user_name, uploaded, lease_id, expires_at)
 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, u.ID, u.Repo, u.User, u.Offset, string(u.Lease), micros(u.Expires))
	if err == nil && n == 0 {
		return ErrAgain
	}
	return err
}

// putParts writes the parts of a session from the first that differs on, and takes them off the lease.
func (c *Catalogue) putParts(ctx context.Context, tx Tx, u *db.OCIUpload) error {
	old, err := readParts(ctx, tx, u.ID)
	if err != nil {
		return err
	}
	same := 0
	for same < min(len(old), len(u.Parts)) && old[same] == u.Parts[same] {
		same++
	}
	added := u.Parts[same:]
	n := len(added)
	parts, sizes := make([]int64, n), make([]int64, n)
	digests, blobs, keep := make([]string, n), make([]string, n), make([]pack.Digest, n)
	for i, p := range added {
		parts[i], sizes[i], digests[i], blobs[i], keep[i] = int64(same+i), p.Size, p.Digest, string(p.Blob), p.Blob
	}
	if err := c.keepBlobs(ctx, tx, u.Lease, keep...); err != nil {
		return err
	}
	if same < len(old) {
		if _, err := tx.Exec(ctx, `DELETE FROM oci_upload_parts WHERE upload_id = $1 AND part >= $2`, u.ID, same); err != nil {
			return err
		}
	}
	if err := tx.Insert(ctx, "oci_upload_parts", "", Column{"upload_id", repeat(u.ID, n)}, Column{"part", parts},
		Column{"digest", digests}, Column{"blob", blobs}, Column{"size", sizes}); err != nil {
		return err
	}
	for _, b := range blobs {
		if _, err := tx.Exec(ctx, `DELETE FROM leases WHERE id = $1 AND digest = $2`, string(u.Lease), b); err != nil {
			return err
		}
	}
	return nil
}

// readParts reads the parts of a session in order.
func readParts(ctx context.Context, tx Tx, id string) ([]db.OCILink, error) {
	rows, err := tx.Query(ctx, `SELECT digest, blob, size FROM oci_upload_parts WHERE upload_id = $1 ORDER BY part`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var parts []db.OCILink
	for rows.Next() {
		var l db.OCILink
		if err := rows.Scan(&l.Digest, (*string)(&l.Blob), &l.Size); err != nil {
			return nil, err
		}
		parts = append(parts, l)
	}
	return parts, rows.Err()
}

// OCIUpload implements db.OCI.
func (c *Catalogue) OCIUpload(ctx context.Context, id string) (*db.OCIUpload, error) {
	if !storable(id) {
		return nil, uploadUnknown(id)
	}
	var u *db.OCIUpload
	err := c.b.Read(ctx, func(tx Tx) error {
		var err error
		u, err = scanUpload(tx.QueryRow(ctx, uploadQuery, id))
		if errors.Is(err, ErrNoRows) || (err == nil && !u.Expires.After(c.now())) {
			return uploadUnknown(id)
		}
		if err != nil {
			return err
		}
		u.Parts, err = readParts(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// DeleteOCIUpload implements db.OCI.
func (c *Catalogue) DeleteOCIUpload(ctx context.Context, id string) error {
	if !storable(id) {
		return nil
	}
	return c.b.Write(ctx, func(tx Tx) error {
		_, err := endUpload(ctx, tx, `DELETE FROM oci_uploads WHERE id = $1 RETURNING lease_id`, id)
		return err
	})
}

// endUpload runs a statement that deletes at most one session, releases its lease, and reports whether there was one.
func endUpload(ctx context.Context, tx Tx, query string, args ...any) (bool, error) {
	var lease string
	err := tx.QueryRow(ctx, query, args...).Scan(&lease)
	if errors.Is(err, ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, dropLease(ctx, tx, db.LeaseID(lease))
}

// PruneOCIUploads implements db.OCI. Each session ends in a transaction of its own, which looks again whether it has been renewed.
func (c *Catalogue) PruneOCIUploads(ctx context.Context) (int, error) {
	now := micros(c.now())
	ids, err := readTexts(c.b.Direct().Query(ctx, `SELECT id FROM oci_uploads WHERE expires_at <= $1`, now))
	if err != nil {
		return 0, err
	}
	total := 0
	for _, id := range ids {
		var ended bool
		err := c.b.Write(ctx, func(tx Tx) error {
			var err error
			ended, err = endUpload(ctx, tx, `DELETE FROM oci_uploads WHERE id = $1 AND expires_at <= $2 RETURNING lease_id`, id, now)
			return err
		})
		if err != nil {
			return total, err
		}
		if ended {
			total++
		}
	}
	return total, nil
}

func uploadUnknown(id string) error {
	return pack.Errorf(pack.KindNotFound, "upload_unknown", "there is no upload %q, or it has expired: start a new one", id)
}
