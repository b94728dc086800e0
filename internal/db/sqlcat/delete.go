package sqlcat

import (
	"context"
	"slices"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// DeleteVersion implements db.Writer.
func (c *Catalogue) DeleteVersion(ctx context.Context, namespace, name, version string, ifMatch pack.Digest, by string) error {
	if !storable(namespace, name, version) {
		return packNotFound(namespace, name)
	}
	if err := checkStorable(by); err != nil {
		return err
	}
	return c.write(ctx, func(tx Tx, ch *changes) error {
		l, err := lockPack(ctx, tx, c.b.Dialect(), namespace, name)
		if err != nil {
			return err
		}
		m := l.live(version)
		current, err := currentOf(ctx, tx, l, m)
		if err != nil {
			return err
		}
		if m == nil {
			return versionNotFound(name, version)
		}
		if err := checkMatch(ifMatch, current, name, version); err != nil {
			return err
		}
		if err := removeVersion(ctx, tx, ch, l, m, namespace, name, by); err != nil {
			return err
		}
		return c.refresh(ctx, tx, l, refreshHint{namespace: namespace, name: name})
	})
}

// DeletePack implements db.Writer.
func (c *Catalogue) DeletePack(ctx context.Context, namespace, name, by string) error {
	if !storable(namespace, name) {
		return packNotFound(namespace, name)
	}
	if err := checkStorable(by); err != nil {
		return err
	}
	// Of a pack with many versions it is not short.
	return c.writeIn(ctx, c.b.Write, func(tx Tx, ch *changes) error {
		l, err := lockPack(ctx, tx, c.b.Dialect(), namespace, name)
		if err != nil {
			return err
		}
		slices.SortFunc(l.members, func(a, b member) int { return pack.CompareVersions(a.version, b.version) })
		for i := range l.members {
			if !l.members[i].live {
				continue
			}
			if err := removeVersion(ctx, tx, ch, l, &l.members[i], namespace, name, by); err != nil {
				return err
			}
		}
		return c.refresh(ctx, tx, l, refreshHint{namespace: namespace, name: name})
	})
}

// removeVersion removes the revisions of a version, with their files, and the tags
// that point to it, from the tables and from l. The row of the version stays.
func removeVersion(ctx context.Context, tx Tx, ch *changes, l *lineage, m *member, namespace, name, by string) error {
	v := pack.Version{Namespace: namespace, Name: name, Version: m.version, Revision: int(m.revision)}
	if err := tx.QueryRow(ctx, `SELECT digest, content_digest FROM revisions WHERE version_id = $1 AND revision = $2`,
		m.id, m.revision).Scan((*string)(&v.Digest), &v.ContentDigest); err != nil {
		return notMissing(err)
	}
	var gone []pack.Tag
	l.hand = slices.DeleteFunc(l.hand, func(t pack.Tag) bool {
		if t.Version == m.version {
			gone = append(gone, t)
			return true
		}
		return false
	})
	slices.SortFunc(gone, func(a, b pack.Tag) int { return strings.Compare(a.Tag, b.Tag) })
	for _, t := range gone {
		c := versionChange(pack.TagDeleted, &v, by)
		c.Tag = t.Tag
		ch.add(c)
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM tags WHERE version_id = $1`, m.id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM revisions WHERE version_id = $1`, m.id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE versions SET live = false WHERE id = $1`, m.id); err != nil {
		return err
	}
	m.live = false
	ch.add(versionChange(pack.VersionDeleted, &v, by))
	return nil
}

// PruneRevisions implements db.Writer. It changes nothing that the feed tells of:
// overwritten revisions were announced as replaced.
func (c *Catalogue) PruneRevisions(ctx context.Context, replacedBefore time.Time) (int, error) {
	var n int64
	err := c.b.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(ctx, `DELETE FROM revisions WHERE replaced_at IS NOT NULL AND replaced_at < $1`, micros(replacedBefore))
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}
