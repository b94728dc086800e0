package sqlcat

import (
	"context"
	"errors"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// The manifests of packs hang on revisions and go with them. Whoever changes them holds the lock of the pack's row.

// manifestBlobs are the blobs that the rows of a pack's manifest keep.
func manifestBlobs(m *db.OCIManifest) []pack.Digest {
	blobs := []pack.Digest{m.Blob}
	for _, l := range m.Blobs {
		blobs = append(blobs, l.Blob)
	}
	return blobs
}

const packManifestColumns = manifestColumns + `, v.version, r.id, CASE WHEN m.is_current AND r.replaced_at IS NULL THEN 1 ELSE 0 END`

// scanPackManifest reads packManifestColumns.
func scanPackManifest(row Row) (*db.PackManifest, error) {
	var p db.PackManifest
	var current int64
	m, err := scanManifest(row, &p.Version, &p.RevisionID, &current)
	if err != nil {
		return nil, err
	}
	p.OCIManifest, p.Current = *m, current == 1
	return &p, nil
}

// PackManifest implements db.OCI.
func (c *Catalogue) PackManifest(ctx context.Context, namespace, name, ref string) (*db.PackManifest, error) {
	if !storable(namespace, name, ref) {
		return nil, manifestUnknown(ref)
	}
	query := `SELECT ` + packManifestColumns + ` FROM ` + currentJoin + ` JOIN pack_manifests m ON m.revision_id = r.id AND m.is_current
 WHERE p.namespace = $1 AND p.name = $2 AND v.version = $3`
	if isDigest(ref) {
		query = `SELECT ` + packManifestColumns + ` FROM packs p JOIN pack_manifests m ON m.pack_id = p.id AND m.digest = $3
 JOIN revisions r ON r.id = m.revision_id JOIN versions v ON v.id = r.version_id WHERE p.namespace = $1 AND p.name = $2
 ORDER BY CASE WHEN r.replaced_at IS NULL THEN 0 ELSE 1 END, r.id DESC LIMIT 1`
	}
	m, err := scanPackManifest(c.b.Direct().QueryRow(ctx, query, namespace, name, ref))
	if errors.Is(err, ErrNoRows) {
		return nil, manifestUnknown(ref)
	}
	return m, err
}

// VersionManifests implements db.OCI.
func (c *Catalogue) VersionManifests(ctx context.Context, namespace, name, version string) ([]string, error) {
	if !storable(namespace, name, version) {
		return nil, nil
	}
	digests, err := readTexts(c.b.Direct().Query(ctx, `SELECT m.digest FROM packs p JOIN versions v ON v.pack_id = p.id
 JOIN revisions r ON r.version_id = v.id JOIN pack_manifests m ON m.revision_id = r.id
 WHERE p.namespace = $1 AND p.name = $2 AND v.version = $3`, namespace, name, version))
	if err != nil {
		return nil, err
	}
	slices.Sort(digests)
	return slices.Compact(digests), nil // one may be of several revisions
}

// PackBlob implements db.OCI.
func (c *Catalogue) PackBlob(ctx context.Context, namespace, name, digest string) (*db.OCILink, error) {
	if !storable(namespace, name, digest) {
		return nil, blobUnknown(digest)
	}
	return scanLink(digest, c.b.Direct().QueryRow(ctx, `SELECT b.digest, b.blob, b.size
 FROM packs p JOIN pack_manifest_blobs b ON b.pack_id = p.id AND b.digest = $3 WHERE p.namespace = $1 AND p.name = $2
 ORDER BY b.revision_id DESC LIMIT 1`, namespace, name, digest))
}

// FirstPackManifest implements db.OCI.
func (c *Catalogue) FirstPackManifest(ctx context.Context, revisionID int64, m db.OCIManifest, lease db.LeaseID) (*db.PackManifest, error) {
	if err := checkManifest(&m); err != nil {
		return nil, err
	}
	var stands *db.PackManifest
	err := c.b.Write(ctx, func(tx Tx) error {
		packID, err := c.lockRevision(ctx, tx, revisionID)
		if err != nil {
			return err
		}
		has, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM pack_manifests WHERE revision_id = $1 AND is_current`, revisionID))
		if err != nil {
			return err
		}
		if !has {
			if err := c.keepBlobs(ctx, tx, lease, manifestBlobs(&m)...); err != nil {
				return err
			}
			if err := putPackManifest(ctx, tx, packID, revisionID, &m); err != nil {
				return err
			}
		}
		stands, err = scanPackManifest(tx.QueryRow(ctx, `SELECT `+packManifestColumns+` FROM pack_manifests m
 JOIN revisions r ON r.id = m.revision_id JOIN versions v ON v.id = r.version_id WHERE m.revision_id = $1 AND m.is_current`, revisionID))
		return notMissing(err)
	})
	if err != nil {
		return nil, err
	}
	return stands, nil
}

// SetPackManifest implements db.OCI.
func (c *Catalogue) SetPackManifest(ctx context.Context, revisionID int64, m db.OCIManifest, lease db.LeaseID) error {
	if err := checkManifest(&m); err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		packID, err := c.lockRevision(ctx, tx, revisionID)
		if err != nil {
			return err
		}
		if err := c.keepBlobs(ctx, tx, lease, manifestBlobs(&m)...); err != nil {
			return err
		}
		return putPackManifest(ctx, tx, packID, revisionID, &m)
	})
}

// lockRevision locks a kept revision, after the row of its pack, whose id it returns.
// A revision never moves to another pack, so the first look needs no lock.
func (c *Catalogue) lockRevision(ctx context.Context, tx Tx, revisionID int64) (packID int64, err error) {
	gone := pack.Errorf(pack.KindNotFound, "version_not_found", "the version was deleted meanwhile")
	err = tx.QueryRow(ctx, `SELECT pack_id FROM revisions WHERE id = $1`, revisionID).Scan(&packID)
	if errors.Is(err, ErrNoRows) {
		return 0, gone
	}
	if err != nil {
		return 0, err
	}
	for _, lock := range []struct {
		table string
		id    int64
	}{{"packs", packID}, {"revisions", revisionID}} {
		there, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM `+lock.table+` WHERE id = $1`+c.b.Dialect().ForUpdate, lock.id))
		if err != nil {
			return 0, err
		}
		if !there {
			return 0, gone
		}
	}
	return packID, nil
}

// checkManifest refuses a pack's manifest that cannot be stored.
func checkManifest(m *db.OCIManifest) error {
	for _, l := range m.Blobs {
		if err := checkStorable(l.Digest); err != nil {
			return err
		}
	}
	_, err := annotationsOf(m)
	return err
}

// putPackManifest makes m the current manifest of a revision. The pack is locked, and keepBlobs was called.
func putPackManifest(ctx context.Context, tx Tx, packID, revisionID int64, m *db.OCIManifest) error {
	annotations, err := annotationsOf(m)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE pack_manifests SET is_current = false WHERE revision_id = $1 AND is_current AND digest <> $2`,
		revisionID, m.Digest); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO pack_manifests
 (revision_id, pack_id, digest, blob, size, media_type, artifact_type, subject, annotations, is_current)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true) ON CONFLICT (revision_id, digest) DO UPDATE SET media_type = excluded.media_type, is_current = true`,
		revisionID, packID, m.Digest, string(m.Blob), m.Size, m.MediaType, m.ArtifactType, m.Subject, annotations); err != nil {
		return err
	}
	for _, l := range m.Blobs {
		if _, err := tx.Exec(ctx, `INSERT INTO pack_manifest_blobs (revision_id, manifest, digest, pack_id, blob, size)
 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, revisionID, m.Digest, l.Digest, packID, string(l.Blob), l.Size); err != nil {
			return err
		}
	}
	return nil
}

// DeletePackManifest implements db.OCI.
func (c *Catalogue) DeletePackManifest(ctx context.Context, namespace, name, digest string) error {
	if !storable(namespace, name, digest) {
		return manifestUnknown(digest)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		l, err := lockPack(ctx, tx, c.b.Dialect(), namespace, name)
		if pack.IsKind(err, pack.KindNotFound) {
			return manifestUnknown(digest)
		}
		if err != nil {
			return err
		}
		used, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM pack_manifests m JOIN revisions r ON r.id = m.revision_id
 WHERE m.pack_id = $1 AND m.digest = $2 AND m.is_current AND r.replaced_at IS NULL`, l.packID, digest))
		if err != nil {
			return err
		}
		if used {
			return pack.Errorf(pack.KindConflict, "manifest_in_use", "the manifest %s is that of a version: delete the version", digest)
		}
		n, err := tx.Exec(ctx, `DELETE FROM pack_manifests WHERE pack_id = $1 AND digest = $2`, l.packID, digest)
		if err == nil && n == 0 {
			return manifestUnknown(digest)
		}
		return err
	})
}
