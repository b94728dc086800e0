package sqlcat

import (
	"context"
	"slices"

	"packregistry/internal/pack"
)

// SetTag implements db.Writer.
func (c *Catalogue) SetTag(ctx context.Context, namespace, name, tag, version, by string) error {
	if !storable(namespace, name, version) {
		return packNotFound(namespace, name)
	}
	if err := checkStorable(tag, by); err != nil {
		return err
	}
	if tag == "latest" {
		return tagReserved(tag, "it always means the newest version")
	}
	if pack.IsParentTagSpelling(tag) {
		return tagReserved(tag, "it is spelt like a parent tag, which is derived from the versions of its line")
	}
	return c.write(ctx, func(tx Tx, ch *changes) error {
		l, err := lockPack(ctx, tx, c.b.Dialect(), namespace, name)
		if err != nil {
			return err
		}
		for _, s := range l.sources() {
			if tag == s.Version || tag == pack.OwnTag(s.Version, s.Group) {
				return tagReserved(tag, "it belongs to the version "+s.Version)
			}
		}
		m := l.live(version)
		if m == nil {
			return versionNotFound(name, version)
		}
		if i := slices.IndexFunc(l.hand, func(t pack.Tag) bool { return t.Tag == tag }); i >= 0 && l.hand[i].Version == version {
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO tags (pack_id, tag, version_id) VALUES ($1, $2, $3)
 ON CONFLICT (pack_id, tag) DO UPDATE SET version_id = excluded.version_id`, l.packID, tag, m.id); err != nil {
			return err
		}
		return addTagChange(ctx, tx, ch, pack.TagSet, m, namespace, name, tag, by)
	})
}

// DeleteTag implements db.Writer.
func (c *Catalogue) DeleteTag(ctx context.Context, namespace, name, tag, by string) error {
	if !storable(namespace, name, tag) {
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
		i := slices.IndexFunc(l.hand, func(t pack.Tag) bool { return t.Tag == tag })
		if i < 0 {
			if tag == "latest" || l.resolve(tag) != nil {
				return pack.Errorf(pack.KindConflict, "tag_derived",
					"the tag %q follows from the versions of the pack and cannot be deleted", tag)
			}
			return pack.Errorf(pack.KindNotFound, "tag_not_found", "the pack %q has no tag %q", name, tag)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM tags WHERE pack_id = $1 AND tag = $2`, l.packID, tag); err != nil {
			return err
		}
		return addTagChange(ctx, tx, ch, pack.TagDeleted, l.live(l.hand[i].Version), namespace, name, tag, by)
	})
}

// addTagChange adds a change to a tag, with the digests of what it points or pointed to.
func addTagChange(ctx context.Context, tx Tx, ch *changes, t pack.ChangeType, m *member, namespace, name, tag, by string) error {
	id, err := currentOf(ctx, tx, nil, m)
	if err != nil {
		return err
	}
	ch.add(pack.Change{
		Type: t, Namespace: namespace, Name: name, Version: m.version, Tag: tag,
		Digest: id.digest, ContentDigest: id.contentDigest, Revision: int(m.revision), By: by,
	})
	return nil
}

func tagReserved(tag, why string) error {
	return pack.Errorf(pack.KindConflict, "tag_reserved", "the tag %q cannot be set by hand: %s", tag, why)
}
