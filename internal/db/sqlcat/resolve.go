package sqlcat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// resolveTries bounds how often Resolve starts again because the version it had
// chosen was deleted between its two statements.
const resolveTries = 5

// Resolve implements db.Reader with two statements. They need no common snapshot:
// the first fixes which revision is meant, and a revision never changes.
func (c *Catalogue) Resolve(ctx context.Context, namespace, name string, ref pack.Reference) (*pack.Version, error) {
	if !storable(namespace, name, ref.Label, string(ref.Digest)) {
		return nil, packNotFound(namespace, name)
	}
	for try := 1; ; try++ {
		v, err := c.resolveOnce(ctx, namespace, name, ref)
		if !errors.Is(err, ErrNoRows) {
			return v, err
		}
		if try == resolveTries {
			return nil, &pack.Error{
				Kind: pack.KindUnavailable, Message: "the version is changing too often to be read, try again", RetryAfter: retryAfter,
			}
		}
	}
}

// resolveOnce gives ErrNoRows when the version was deleted or replaced and pruned meanwhile.
func (c *Catalogue) resolveOnce(ctx context.Context, namespace, name string, ref pack.Reference) (*pack.Version, error) {
	tx := c.b.Direct()
	l, err := readLineageByName(ctx, tx, namespace, name)
	if err != nil {
		return nil, err
	}
	if len(l.members) == 0 {
		return nil, packNotFound(namespace, name)
	}
	if ref.Digest != "" {
		v, err := loadByDigest(ctx, tx, l, ref.Digest)
		if errors.Is(err, ErrNoRows) {
			return nil, versionNotFound(name, string(ref.Digest))
		}
		return v, err
	}
	m := l.newest()
	if !ref.Latest {
		m = l.resolve(ref.Label)
	}
	if m == nil {
		return nil, versionNotFound(name, ref.Label)
	}
	return loadRevision(ctx, tx, l, m)
}

const wholeDocumentQuery = `SELECT ` + documentColumns + `, r.warnings, r.manifest
 FROM revisions r JOIN versions v ON v.id = r.version_id JOIN packs p ON p.id = v.pack_id `

// loadRevision reads the whole document of the revision that l says is current.
func loadRevision(ctx context.Context, tx Tx, l *lineage, m *member) (*pack.Version, error) {
	return scanWhole(l, tx.QueryRow(ctx, wholeDocumentQuery+`WHERE r.version_id = $1 AND r.revision = $2`, m.id, m.revision))
}

// loadByDigest reads any kept revision with that digest, the newest when several have it.
func loadByDigest(ctx context.Context, tx Tx, l *lineage, d pack.Digest) (*pack.Version, error) {
	return scanWhole(l, tx.QueryRow(ctx, wholeDocumentQuery+
		`WHERE r.pack_id = $1 AND (r.digest = $2 OR r.targz_digest = $2)
 ORDER BY CASE WHEN r.replaced_at IS NULL THEN 0 ELSE 1 END, r.id DESC LIMIT 1`, l.packID, string(d)))
}

// scanWhole reads a row of wholeDocumentQuery. An overwritten revision has no tags:
// they all point at the one that took its place.
func scanWhole(l *lineage, row Row) (*pack.Version, error) {
	var d documentScan
	var warnings, manifest string
	if err := row.Scan(d.targets(&warnings, &manifest)...); err != nil {
		return nil, err
	}
	v, err := d.version()
	if err != nil {
		return nil, err
	}
	if err := fromJSON(warnings, &v.Warnings); err != nil {
		return nil, err
	}
	v.Manifest = json.RawMessage(manifest)
	if m := l.live(v.Version); m != nil && m.revision == d.revision {
		v.Tags = l.tagsOf(v.Version)
	}
	return v, nil
}

// ContentDigest implements db.Reader.
func (c *Catalogue) ContentDigest(ctx context.Context, namespace, name, version string) (content string, err error) {
	if !storable(namespace, name, version) {
		return "", versionNotFound(name, version)
	}
	err = c.b.Direct().QueryRow(ctx, `SELECT r.content_digest FROM packs p
 JOIN versions v ON v.pack_id = p.id AND v.version = $3 AND v.live
 JOIN revisions r ON r.version_id = v.id AND r.revision = v.revision WHERE p.namespace = $1 AND p.name = $2`,
		namespace, name, version).Scan(&content)
	if errors.Is(err, ErrNoRows) {
		err = versionNotFound(name, version)
	}
	return content, err
}

// Pack implements db.Reader.
func (c *Catalogue) Pack(ctx context.Context, namespace, name string) (*db.Pack, error) {
	if !storable(namespace, name) {
		return nil, packNotFound(namespace, name)
	}
	var p *db.Pack
	err := c.b.Read(ctx, func(tx Tx) error {
		l, err := readLineageByName(ctx, tx, namespace, name)
		if err != nil {
			return err
		}
		if len(l.members) == 0 {
			return packNotFound(namespace, name)
		}
		tags := l.tags()
		p = &db.Pack{Namespace: namespace, Name: name, Latest: pack.Latest(l.sources()), Tags: tags}
		rows, err := tx.Query(ctx, `SELECT `+documentColumns+` FROM `+currentJoin+
			` WHERE v.pack_id = $1 ORDER BY v.sort_key DESC`, l.packID)
		if err != nil {
			return err
		}
		defer rows.Close()
		byVersion := make(map[string][]string, len(l.members))
		for _, t := range tags {
			byVersion[t.Version] = append(byVersion[t.Version], t.Tag)
		}
		for rows.Next() {
			var d documentScan
			if err := rows.Scan(d.targets()...); err != nil {
				return err
			}
			v, err := d.version()
			if err != nil {
				return err
			}
			v.Tags = slices.Concat([]string{}, byVersion[v.Version])
			p.Versions = append(p.Versions, *v)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Names implements db.Reader.
func (c *Catalogue) Names(ctx context.Context, namespace string) ([]string, error) {
	names := []string{}
	if !storable(namespace) {
		return names, nil
	}
	query, args := `SELECT name FROM packs WHERE namespace = $1 AND newest_id IS NOT NULL ORDER BY name`, []any{namespace}
	if namespace == pack.AllNamespaces {
		query, args = `SELECT path FROM packs WHERE newest_id IS NOT NULL ORDER BY path`, nil
	}
	rows, err := c.b.Direct().Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, rows.Err()
}
