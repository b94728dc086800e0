package sqlcat

import (
	"context"

	"packregistry/internal/pack"
)

// newestVersions reads the newest versions of packs with their tags, in the
// order of the hits.
func newestVersions(ctx context.Context, tx Tx, hits []hit) ([]pack.Version, error) {
	if len(hits) == 0 {
		return []pack.Version{}, nil
	}
	ids := hitIDs(hits)
	newest, err := newestDocuments(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	lineages, err := readLineages(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	versions := make([]pack.Version, len(hits))
	for i, h := range hits {
		v := newest[h.PackID]
		if v == nil {
			return nil, pack.Errorf(pack.KindInternal, "", "the search index names a pack that is not there")
		}
		if l := lineages[h.PackID]; l != nil {
			v.Tags = l.tagsOf(v.Version)
		}
		versions[i] = *v
	}
	return versions, nil
}

func hitIDs(hits []hit) []any {
	ids := make([]any, len(hits))
	for i, h := range hits {
		ids[i] = h.PackID
	}
	return ids
}

// newestDocuments reads the newest versions of packs by their ids, without tags.
func newestDocuments(ctx context.Context, tx Tx, ids []any) (map[int64]*pack.Version, error) {
	rows, err := tx.Query(ctx, `SELECT `+documentColumns+`, p.id FROM packs p JOIN versions v ON v.id = p.newest_id
 JOIN revisions r ON r.version_id = v.id AND r.revision = v.revision WHERE p.id IN (`+placeholders(1, len(ids))+`)`, ids...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	newest := make(map[int64]*pack.Version, len(ids))
	for rows.Next() {
		var d documentScan
		var packID int64
		if err := rows.Scan(d.targets(&packID)...); err != nil {
			return nil, err
		}
		if newest[packID], err = d.version(); err != nil {
			return nil, err
		}
	}
	return newest, rows.Err()
}

// readLineages reads the live part of many packs in one statement.
func readLineages(ctx context.Context, tx Tx, ids []any) (map[int64]*lineage, error) {
	in := "(" + placeholders(1, len(ids)) + ")"
	rows, err := tx.Query(ctx, `SELECT 0, v.pack_id, v.id, v.version, v.group_name, v.deprecated FROM versions v WHERE v.live AND v.pack_id IN `+in+`
 UNION ALL SELECT 1, t.pack_id, t.version_id, t.tag, '', false FROM tags t WHERE t.pack_id IN `+in, ids...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	lineages := make(map[int64]*lineage, len(ids))
	versionOf := make(map[int64]string)
	type handTag struct {
		packID, versionID int64
		tag               string
	}
	var hand []handTag
	for rows.Next() {
		var kind, packID int64
		m := member{live: true}
		if err := rows.Scan(&kind, &packID, &m.id, &m.version, &m.group, &m.deprecated); err != nil {
			return nil, err
		}
		if kind == 1 {
			hand = append(hand, handTag{packID, m.id, m.version})
			continue
		}
		l := lineages[packID]
		if l == nil {
			l = &lineage{packID: packID}
			lineages[packID] = l
		}
		l.members = append(l.members, m)
		versionOf[m.id] = m.version
	}
	for _, h := range hand {
		if l := lineages[h.packID]; l != nil {
			l.hand = append(l.hand, pack.Tag{Tag: h.tag, Version: versionOf[h.versionID], Kind: pack.TagCustom})
		}
	}
	return lineages, rows.Err()
}
