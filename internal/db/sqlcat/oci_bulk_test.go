package sqlcat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// BulkDigest is the digest of the i-th thing of a kind of BulkOCI.
func BulkDigest(kind string, i int) string {
	sum := sha256.Sum256(fmt.Append(nil, kind, i))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// BulkOCI adds n repositories with a tagged manifest and a blob each, named many/00000 and so on, every other without tag,
// and to the first of them n manifests of subject BulkDigest("subject", i%100), tagged t00000 and so on.
// Each revision of a pack gets a manifest with a blob, and there are as many upload sessions and leases.
func (c *Catalogue) BulkOCI(ctx context.Context, n int) error {
	err := c.b.Write(ctx, func(tx Tx) error {
		names, tagged := make([]string, n), make([]bool, n)
		m := bulkManifests{}
		for i := range n {
			names[i], tagged[i] = fmt.Sprintf("many/%05d", i), i%2 == 0
			m.add(int64(i+1), i, "", "latest")
		}
		for i := range n {
			m.add(1, n+i, BulkDigest("subject", i%100), fmt.Sprintf("t%05d", i))
		}
		if err := tx.Insert(ctx, "oci_repositories", "", Column{"name", names}, Column{"tagged", tagged}); err != nil {
			return err
		}
		if err := m.insert(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO pack_manifests
 (revision_id, pack_id, digest, blob, size, media_type, artifact_type, subject, annotations, is_current)
 SELECT id, pack_id, digest, digest, 1, '', '', '', '{}', true FROM revisions`); err != nil {
			return err
		}
		for _, query := range []string{
			`INSERT INTO pack_manifest_blobs (revision_id, manifest, digest, pack_id, blob, size)
 SELECT id, digest, digest, pack_id, digest, 1 FROM revisions`,
			`INSERT INTO oci_uploads (id, repository, user_name, uploaded, lease_id, expires_at)
 SELECT digest, digest, '', 1, digest, 1 FROM revisions`,
			`INSERT INTO oci_upload_parts (upload_id, part, digest, blob, size) SELECT digest, 0, digest, digest, 1 FROM revisions`,
			`INSERT INTO leases (id, digest, expires_at) SELECT digest, digest, 1 FROM revisions`,
		} {
			if _, err := tx.Exec(ctx, query); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, "ANALYZE") // as Postgres does by itself in a minute or so
		return err
	})
}

// bulkManifests are rows of oci_manifests, oci_blobs, oci_refers and oci_tags.
type bulkManifests struct {
	repositories, sizes              []int64
	digests, blobs, subjects, tagged []string
}

func (m *bulkManifests) add(repository int64, i int, subject, tag string) {
	m.repositories, m.sizes = append(m.repositories, repository), append(m.sizes, 1)
	m.digests, m.blobs = append(m.digests, BulkDigest("manifest", i)), append(m.blobs, BulkDigest("blob", i))
	m.subjects, m.tagged = append(m.subjects, subject), append(m.tagged, tag)
}

func (m *bulkManifests) insert(ctx context.Context, tx Tx) error {
	n := len(m.digests)
	repositories, digests := Column{"repository_id", m.repositories}, Column{"digest", m.digests}
	if err := tx.Insert(ctx, "oci_manifests", "", repositories, digests, Column{"blob", m.digests}, Column{"size", m.sizes},
		Column{"subject", m.subjects}, Column{"media_type", repeat("", n)}, Column{"artifact_type", repeat("", n)},
		Column{"annotations", repeat("{}", n)}); err != nil {
		return err
	}
	if err := tx.Insert(ctx, "oci_blobs", "", repositories, Column{"digest", m.blobs}, Column{"blob", m.blobs},
		Column{"size", m.sizes}, Column{"put_at", m.sizes}); err != nil {
		return err
	}
	if err := tx.Insert(ctx, "oci_refers", "", repositories, Column{"manifest", m.digests}, Column{"digest", m.blobs}); err != nil {
		return err
	}
	return tx.Insert(ctx, "oci_tags", "", repositories, Column{"tag", m.tagged}, digests)
}
