package sqlcat

import (
	"context"
	"errors"

	"packregistry/internal/pack"
)

// member is a version of a pack as far as tags and order need it.
type member struct {
	id       int64
	version  string
	group    string
	revision int64
	pushedAt int64
	live     bool

	deprecated bool
}

// lineage is what tags and references are derived from: a pack's versions and
// hand-set tags as of one instant.
type lineage struct {
	packID  int64
	members []member // deleted ones too when read for writing
	hand    []pack.Tag
}

// lineageQuery reads versions (kind 0) and hand-set tags (kind 1) in one statement,
// hence of one instant.
const lineageQuery = `SELECT 0, v.id, v.version, v.group_name, v.deprecated, v.revision, v.pushed_at, v.live
 FROM versions v WHERE v.pack_id = $1
 UNION ALL
 SELECT 1, t.version_id, t.tag, '', false, 0, 0, true FROM tags t WHERE t.pack_id = $1`

// lineageByNameQuery is the same by name, of live versions only.
const lineageByNameQuery = `SELECT 0, v.pack_id, v.id, v.version, v.group_name, v.deprecated, v.revision, v.pushed_at, v.live
 FROM packs p JOIN versions v ON v.pack_id = p.id WHERE p.namespace = $1 AND p.name = $2 AND v.live
 UNION ALL
 SELECT 1, t.pack_id, t.version_id, t.tag, '', false, 0, 0, true
 FROM packs p JOIN tags t ON t.pack_id = p.id WHERE p.namespace = $1 AND p.name = $2`

// readLineage reads that of a pack whose row the transaction has locked.
func readLineage(ctx context.Context, tx Tx, packID int64) (*lineage, error) {
	rows, err := tx.Query(ctx, lineageQuery, packID)
	if err != nil {
		return nil, err
	}
	l := &lineage{packID: packID}
	return l, l.collect(rows, false)
}

// readLineageByName reads the live part of a pack. It has no members when there is no such pack.
func readLineageByName(ctx context.Context, tx Tx, namespace, name string) (*lineage, error) {
	rows, err := tx.Query(ctx, lineageByNameQuery, namespace, name)
	if err != nil {
		return nil, err
	}
	l := &lineage{}
	return l, l.collect(rows, true)
}

func (l *lineage) collect(rows Rows, withPack bool) error {
	defer rows.Close()
	type handTag struct {
		tag       string
		versionID int64
	}
	var hand []handTag
	for rows.Next() {
		var kind int64
		var m member
		dest := []any{&kind, &m.id, &m.version, &m.group, &m.deprecated, &m.revision, &m.pushedAt, &m.live}
		if withPack {
			dest = append([]any{&kind, &l.packID}, dest[1:]...)
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if kind == 0 {
			l.members = append(l.members, m)
		} else {
			hand = append(hand, handTag{tag: m.version, versionID: m.id})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	names := make(map[int64]string, len(l.members))
	for _, m := range l.members {
		names[m.id] = m.version
	}
	for _, h := range hand {
		l.hand = append(l.hand, pack.Tag{Tag: h.tag, Version: names[h.versionID], Kind: pack.TagCustom})
	}
	return nil
}

// find returns the member of that version, deleted or not; nil when there is none.
func (l *lineage) find(version string) *member {
	for i := range l.members {
		if l.members[i].version == version {
			return &l.members[i]
		}
	}
	return nil
}

// live returns the live member of that version; nil when there is none.
func (l *lineage) live(version string) *member {
	if m := l.find(version); m != nil && m.live {
		return m
	}
	return nil
}

// sources are the live versions as pack derives from them.
func (l *lineage) sources() []pack.TagSource {
	out := make([]pack.TagSource, 0, len(l.members))
	for _, m := range l.members {
		if m.live {
			out = append(out, pack.TagSource{Version: m.version, Group: m.group, Deprecated: m.deprecated})
		}
	}
	return out
}

// tags are all tags of the pack, sorted.
func (l *lineage) tags() []pack.Tag { return pack.DeriveTags(l.sources(), l.hand) }

// tagsOf are the tags that point to a version, sorted; never nil.
func (l *lineage) tagsOf(version string) []string { return tagsTo(l.tags(), version) }

func tagsTo(tags []pack.Tag, version string) []string {
	out := []string{}
	for _, t := range tags {
		if t.Version == version {
			out = append(out, t.Tag)
		}
	}
	return out
}

// newest is the member that "latest" means; nil when none is live.
func (l *lineage) newest() *member { return l.live(pack.Latest(l.sources())) }

// resolve finds the member a label means, in the order of pack.Reference; nil when none.
func (l *lineage) resolve(label string) *member {
	if m := l.live(label); m != nil {
		return m
	}
	for _, t := range l.tags() {
		if t.Tag == label {
			return l.live(t.Version)
		}
	}
	return nil
}

// lockPack locks the row of a pack and reads its lineage. KindNotFound, code
// pack_not_found, when it was never pushed or has no version.
func lockPack(ctx context.Context, tx Tx, d Dialect, namespace, name string) (*lineage, error) {
	var id int64
	err := tx.QueryRow(ctx, `SELECT id FROM packs WHERE namespace = $1 AND name = $2`+d.ForUpdate, namespace, name).Scan(&id)
	if errors.Is(err, ErrNoRows) {
		return nil, packNotFound(namespace, name)
	}
	if err != nil {
		return nil, err
	}
	l, err := readLineage(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if len(l.sources()) == 0 {
		return nil, packNotFound(namespace, name)
	}
	return l, nil
}
