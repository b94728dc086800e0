package sqlcat

import (
	"context"
	"errors"
	"slices"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// manifestColumns are those of oci_manifests and pack_manifests that scanManifest reads.
const manifestColumns = `m.digest, m.blob, m.size, m.media_type, m.artifact_type, m.subject, m.annotations`

// scanManifest reads manifestColumns, before the destinations in more.
func scanManifest(row Row, more ...any) (*db.OCIManifest, error) {
	var m db.OCIManifest
	var annotations string
	if err := row.Scan(append([]any{
		&m.Digest, (*string)(&m.Blob), &m.Size, &m.MediaType, &m.ArtifactType, &m.Subject, &annotations,
	}, more...)...); err != nil {
		return nil, err
	}
	return &m, fromJSON(annotations, &m.Annotations)
}

// annotationsOf encodes the annotations of a manifest that can be stored.
func annotationsOf(m *db.OCIManifest) (string, error) {
	text, err := toJSON(m.Annotations, m.Annotations == nil, "{}")
	if err != nil {
		return "", err
	}
	return text, checkStorable(m.Digest, m.MediaType, m.ArtifactType, m.Subject, text)
}

// isDigest tells a digest from a tag or version, which have no colon.
func isDigest(ref string) bool { return strings.Contains(ref, ":") }

// PutOCIManifest implements db.OCI.
func (c *Catalogue) PutOCIManifest(ctx context.Context, repo string, m db.OCIManifest, tags []string, lease db.LeaseID) error {
	annotations, err := annotationsOf(&m)
	if err != nil {
		return err
	}
	if err := checkStorable(append(append([]string{repo}, tags...), m.Refers...)...); err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		id, err := claimRepository(ctx, tx, repo)
		if err != nil {
			return err
		}
		if err := c.keepBlobs(ctx, tx, lease, m.Blob); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO oci_manifests (repository_id, digest, blob, size, media_type, artifact_type, subject, annotations)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (repository_id, digest) DO UPDATE SET blob = excluded.blob, size = excluded.size,
 media_type = excluded.media_type, artifact_type = excluded.artifact_type, subject = excluded.subject, annotations = excluded.annotations`,
			id, m.Digest, string(m.Blob), m.Size, m.MediaType, m.ArtifactType, m.Subject, annotations); err != nil {
			return err
		}
		if err := putRefers(ctx, tx, id, m.Digest, m.Refers); err != nil {
			return err
		}
		return putTags(ctx, tx, id, m.Digest, tags)
	})
}

// putRefers replaces what a manifest refers to, and checks that it is there.
func putRefers(ctx context.Context, tx Tx, repository int64, manifest string, refers []string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM oci_refers WHERE repository_id = $1 AND manifest = $2`, repository, manifest); err != nil {
		return err
	}
	refers = slices.Compact(slices.Sorted(slices.Values(refers)))
	ids, manifests := repeat(repository, len(refers)), repeat(manifest, len(refers))
	if err := tx.Insert(ctx, "oci_refers", "",
		Column{"repository_id", ids}, Column{"manifest", manifests}, Column{"digest", refers}); err != nil {
		return err
	}
	var missing string
	err := tx.QueryRow(ctx, `SELECT f.digest FROM oci_refers f WHERE f.repository_id = $1 AND f.manifest = $2
 AND NOT EXISTS (SELECT 1 FROM oci_blobs b WHERE b.repository_id = f.repository_id AND b.digest = f.digest)
 AND NOT EXISTS (SELECT 1 FROM oci_manifests o WHERE o.repository_id = f.repository_id AND o.digest = f.digest)
 AND NOT EXISTS (SELECT 1 FROM pack_manifests p WHERE p.digest = f.digest)
 AND NOT EXISTS (SELECT 1 FROM pack_manifest_blobs p WHERE p.digest = f.digest)
 AND NOT EXISTS (SELECT 1 FROM revisions v WHERE v.digest = f.digest)
 AND NOT EXISTS (SELECT 1 FROM revisions v WHERE v.targz_digest = f.digest)
 ORDER BY f.digest LIMIT 1`, repository, manifest).Scan(&missing)
	if errors.Is(err, ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return pack.Errorf(pack.KindNotFound, "manifest_blob_unknown", "the repository has no blob or manifest %s, which the manifest names: push it first", missing)
}

// putTags points tags at a manifest.
func putTags(ctx context.Context, tx Tx, repository int64, manifest string, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags))) // a statement may not touch a row twice
	if err := tx.Insert(ctx, "oci_tags", "ON CONFLICT (repository_id, tag) DO UPDATE SET digest = excluded.digest",
		Column{"repository_id", repeat(repository, len(tags))}, Column{"tag", tags},
		Column{"digest", repeat(manifest, len(tags))}); err != nil {
		return err
	}
	return settleTags(ctx, tx, repository)
}

// repeat is a column of the same value.
func repeat[T any](value T, n int) []T { return slices.Repeat([]T{value}, n) }

// OCIManifest implements db.OCI.
func (c *Catalogue) OCIManifest(ctx context.Context, repo, ref string) (*db.OCIManifest, error) {
	if !storable(repo, ref) {
		return nil, manifestUnknown(ref)
	}
	query := `SELECT ` + manifestColumns + ` FROM oci_repositories r JOIN oci_tags t ON t.repository_id = r.id
 JOIN oci_manifests m ON m.repository_id = r.id AND m.digest = t.digest WHERE r.name = $1 AND t.tag = $2`
	if isDigest(ref) {
		query = `SELECT ` + manifestColumns + ` FROM oci_repositories r JOIN oci_manifests m ON m.repository_id = r.id
 WHERE r.name = $1 AND m.digest = $2`
	}
	m, err := scanManifest(c.b.Direct().QueryRow(ctx, query, repo, ref))
	if !errors.Is(err, ErrNoRows) {
		return m, err
	}
	if _, err := findRepository(ctx, c.b.Direct(), repo, ""); err != nil {
		return nil, err
	}
	return nil, manifestUnknown(ref)
}

// DeleteOCIManifest implements db.OCI.
func (c *Catalogue) DeleteOCIManifest(ctx context.Context, repo, digest string) error {
	return c.deleteFrom(ctx, repo, digest, `DELETE FROM oci_manifests WHERE repository_id = $1 AND digest = $2`)
}

// DeleteOCITag implements db.OCI.
func (c *Catalogue) DeleteOCITag(ctx context.Context, repo, tag string) error {
	return c.deleteFrom(ctx, repo, tag, `DELETE FROM oci_tags WHERE repository_id = $1 AND tag = $2`)
}

// deleteFrom deletes a manifest or tag of a repository.
func (c *Catalogue) deleteFrom(ctx context.Context, repo, ref, query string) error {
	if !storable(ref) {
		return manifestUnknown(ref)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		id, err := c.lockRepository(ctx, tx, repo)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, query, id, ref)
		if err != nil {
			return err
		}
		if n == 0 {
			return manifestUnknown(ref)
		}
		return settleTags(ctx, tx, id)
	})
}

// OCIReferrers implements db.OCI.
func (c *Catalogue) OCIReferrers(ctx context.Context, repo, digest, artifactType, last string, room int) ([]db.OCIManifest, error) {
	list := []db.OCIManifest{}
	if digest == "" || !storable(repo, digest, artifactType, last) {
		return list, nil
	}
	// subject <> '' lets the partial index be used whatever digest is.
	rows, err := c.b.Direct().Query(ctx, `SELECT `+manifestColumns+` FROM oci_repositories r JOIN oci_manifests m ON m.repository_id = r.id
 WHERE r.name = $1 AND m.subject = $2 AND m.subject <> '' AND ($3 = '' OR m.artifact_type = $3)
 AND m.digest > $4 ORDER BY m.digest`, repo, digest, artifactType, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	weight := 0
	for rows.Next() {
		m, err := scanManifest(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, *m)
		if weight += m.Weight(); room > 0 && weight >= room {
			return list, nil
		}
	}
	return list, rows.Err()
}
