package sqlcat

import (
	"context"
	"errors"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Every change to an OCI repository holds the lock of its row until the commit, so
// that within a repository one writer works at a time and what it checked stays true.
// Upload sessions are apart: each is locked by its own row. A session's row is
// never locked before that of a repository.

// claimRepository locks the row of a repository, which it makes where there is none.
func claimRepository(ctx context.Context, tx Tx, repo string) (int64, error) {
	var id int64
	err := tx.QueryRow(ctx, `INSERT INTO oci_repositories (name) VALUES ($1)
 ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id`, repo).Scan(&id)
	return id, notMissing(err)
}

// lockRepository locks the row of a repository. KindNotFound, code name_unknown.
func (c *Catalogue) lockRepository(ctx context.Context, tx Tx, repo string) (int64, error) {
	return findRepository(ctx, tx, repo, c.b.Dialect().ForUpdate)
}

// findRepository finds the row of a repository. KindNotFound, code name_unknown.
func findRepository(ctx context.Context, tx Tx, repo, suffix string) (int64, error) {
	if !storable(repo) {
		return 0, repositoryUnknown(repo)
	}
	var id int64
	err := tx.QueryRow(ctx, `SELECT id FROM oci_repositories WHERE name = $1`+suffix, repo).Scan(&id)
	if errors.Is(err, ErrNoRows) {
		return 0, repositoryUnknown(repo)
	}
	return id, err
}

// settleTags makes a repository listed while it has a tag.
func settleTags(ctx context.Context, tx Tx, repository int64) error {
	_, err := tx.Exec(ctx, `UPDATE oci_repositories SET tagged = NOT tagged WHERE id = $1
 AND tagged <> EXISTS (SELECT 1 FROM oci_tags WHERE repository_id = $1)`, repository)
	return err
}

// OCITags implements db.OCI.
func (c *Catalogue) OCITags(ctx context.Context, repo string, n int, last string) ([]string, error) {
	if err := checkStorable(last); err != nil {
		return nil, err
	}
	var tags []string
	err := c.b.Read(ctx, func(tx Tx) error {
		id, err := findRepository(ctx, tx, repo, "")
		if err != nil {
			return err
		}
		query, args := limited(`SELECT tag FROM oci_tags WHERE repository_id = $1 AND tag > $2 ORDER BY tag`, n, id, last)
		tags, err = readTexts(tx.Query(ctx, query, args...))
		return err
	})
	if err != nil {
		return nil, err
	}
	return tags, nil
}

// OCIRepositories implements db.OCI.
func (c *Catalogue) OCIRepositories(ctx context.Context, n int, last string) ([]string, error) {
	if err := checkStorable(last); err != nil {
		return nil, err
	}
	query, args := limited(`SELECT name FROM oci_repositories WHERE tagged AND name > $1 ORDER BY name`, n, last)
	return readTexts(c.b.Direct().Query(ctx, query, args...))
}

// limited adds a limit to a query, unless n is none.
func limited(query string, n int, args ...any) (string, []any) {
	if n <= 0 {
		return query, args
	}
	args = append(args, n)
	return query + ` LIMIT ` + placeholders(len(args), 1), args
}

// DeleteOCIRepository implements db.OCI.
func (c *Catalogue) DeleteOCIRepository(ctx context.Context, repo string) error {
	return c.b.Write(ctx, func(tx Tx) error {
		id, err := c.lockRepository(ctx, tx, repo)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM oci_repositories WHERE id = $1`, id); err != nil {
			return err
		}
		uploads, err := readTexts(tx.Query(ctx, `SELECT id FROM oci_uploads WHERE repository = $1 ORDER BY id`, repo))
		if err != nil {
			return err
		}
		for _, upload := range uploads {
			if _, err := endUpload(ctx, tx, `DELETE FROM oci_uploads WHERE id = $1 RETURNING lease_id`, upload); err != nil {
				return err
			}
		}
		return nil
	})
}

// PackRepositories implements db.OCI.
func (c *Catalogue) PackRepositories(ctx context.Context) ([]db.PackName, error) {
	rows, err := c.b.Direct().Query(ctx, `SELECT namespace, name FROM packs WHERE newest_id IS NOT NULL ORDER BY path`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := []db.PackName{}
	for rows.Next() {
		var n db.PackName
		if err := rows.Scan(&n.Namespace, &n.Name); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, rows.Err()
}

func repositoryUnknown(repo string) error {
	return pack.Errorf(pack.KindNotFound, "name_unknown", "there is no repository %q", repo)
}

func blobUnknown(digest string) error {
	return pack.Errorf(pack.KindNotFound, "blob_unknown", "the repository has no blob %q", digest)
}

func manifestUnknown(ref string) error {
	return pack.Errorf(pack.KindNotFound, "manifest_unknown", "the repository has no manifest %q", ref)
}
