package sqlcat

import (
	"context"
	"errors"

	"packregistry/internal/pack"
)

// refreshHint spares refresh a read: the document that was just written.
type refreshHint struct {
	namespace, name string
	isNew           bool
	doc             *pack.Version
	readme          string
}

// refresh writes into the row of packs, and into the search index, what l says now.
// It is called after every change to the versions of a pack.
func (c *Catalogue) refresh(ctx context.Context, tx Tx, l *lineage, h refreshHint) error {
	newest := l.newest()
	if newest == nil {
		if _, err := tx.Exec(ctx, `UPDATE packs SET newest_id = NULL WHERE id = $1`, l.packID); err != nil {
			return err
		}
		return c.unindexPack(ctx, tx, l.packID)
	}
	var updatedAt int64
	for _, m := range l.members {
		if m.live {
			updatedAt = max(updatedAt, m.pushedAt)
		}
	}
	doc, readme := h.doc, h.readme
	if doc == nil || doc.Version != newest.version {
		var err error
		if doc, readme, err = loadNewest(ctx, tx, newest); err != nil {
			return err
		}
	}
	cloudTypes, err := toJSON(doc.CloudTypes, doc.CloudTypes == nil, "[]")
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE packs SET newest_id = $1, display_name = $2, layer = $3, addon_type = $4,
 cloud_types = $5, source = $6, deprecated = $7, updated_at = $8 WHERE id = $9`,
		newest.id, doc.DisplayName, doc.Layer, doc.AddonType, cloudTypes, clean(doc.Annotations["source"]), doc.Deprecated,
		updatedAt, l.packID); err != nil {
		return err
	}
	return c.indexPack(ctx, tx, searchDoc{
		PackID: l.packID, NewPack: h.isNew, Namespace: h.namespace, Name: h.name, Newest: doc, Readme: readme,
	})
}

// loadNewest reads the document and the README of a member.
func loadNewest(ctx context.Context, tx Tx, m *member) (*pack.Version, string, error) {
	var d documentScan
	var readme string
	err := tx.QueryRow(ctx, `SELECT `+documentColumns+`, r.readme
 FROM revisions r JOIN versions v ON v.id = r.version_id JOIN packs p ON p.id = v.pack_id
 WHERE r.version_id = $1 AND r.revision = $2`, m.id, m.revision).Scan(d.targets(&readme)...)
	if err != nil {
		return nil, "", notMissing(err)
	}
	v, err := d.version()
	return v, readme, err
}

// notMissing turns ErrNoRows into an error that may leave the room, where a row has to be.
func notMissing(err error) error {
	if errors.Is(err, ErrNoRows) {
		return pack.Wrap(pack.KindInternal, err, "the catalogue misses a row it should have")
	}
	return err
}
