package sqlcat

import (
	"context"
	"encoding/json"
	"errors"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// readmeLimit is how much of a README is searched, in bytes.
const readmeLimit = 64 << 10

// Publish implements db.Writer.
func (c *Catalogue) Publish(ctx context.Context, p db.Publication) (*pack.Version, db.Outcome, error) {
	p.Readme = clean(cut(p.Readme, readmeLimit))
	if p.Version.PushedAt.IsZero() {
		p.Version.PushedAt = c.now()
	}
	row, err := newRevisionRow(&p)
	if err != nil {
		return nil, "", err
	}
	if p.Manifest != nil {
		if err := checkManifest(p.Manifest); err != nil {
			return nil, "", err
		}
	}
	var stored *pack.Version
	var outcome db.Outcome
	err = c.write(ctx, func(tx Tx, ch *changes) error {
		stored, outcome, err = c.publish(ctx, tx, ch, &p, row)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return stored, outcome, nil
}

// publish is one try at it. It does not change p.
func (c *Catalogue) publish(ctx context.Context, tx Tx, ch *changes, p *db.Publication, row *revisionRow) (*pack.Version, db.Outcome, error) {
	l, isNew, err := c.claimPack(ctx, tx, p)
	if err != nil {
		return nil, "", err
	}
	v := p.Version
	old := l.live(v.Version)
	current, err := currentOf(ctx, tx, l, old)
	if err != nil {
		return nil, "", err
	}
	outcome, err := decide(p, current)
	if err != nil {
		return nil, "", err
	}
	if outcome == db.Same {
		// The stored blobs are referred to, so nothing depends on the lease.
		same, err := loadRevision(ctx, tx, l, old)
		if err != nil {
			return nil, "", err
		}
		if p.Manifest != nil {
			if err := c.keepBlobs(ctx, tx, p.Lease, manifestBlobs(p.Manifest)...); err != nil {
				return nil, "", err
			}
			if err := putPackManifest(ctx, tx, l.packID, same.RevisionID, p.Manifest); err != nil {
				return nil, "", err
			}
		}
		return same, outcome, dropLease(ctx, tx, p.Lease)
	}
	if isNew {
		// An empty lineage was enough to decide; now there has to be a row.
		if l.packID, err = insertPack(ctx, tx, v.Namespace, v.Name); err != nil {
			return nil, "", err
		}
	}
	givenWay := takeTags(l, v.Version, v.Group)
	for _, t := range givenWay {
		if _, err := tx.Exec(ctx, `DELETE FROM tags WHERE pack_id = $1 AND tag = $2`, l.packID, t.Tag); err != nil {
			return nil, "", err
		}
		if err := addTagChange(ctx, tx, ch, pack.TagDeleted, l.live(t.Version), v.Namespace, v.Name, t.Tag, v.PushedBy); err != nil {
			return nil, "", err
		}
	}
	if err := c.insertRevision(ctx, tx, l, &v, row, outcome); err != nil {
		return nil, "", err
	}
	if err := insertFiles(ctx, tx, l.packID, v.RevisionID, p.Files); err != nil {
		return nil, "", err
	}
	if err := c.useLease(ctx, tx, p); err != nil {
		return nil, "", err
	}
	if p.Manifest != nil {
		if err := putPackManifest(ctx, tx, l.packID, v.RevisionID, p.Manifest); err != nil {
			return nil, "", err
		}
	}
	if err := c.refresh(ctx, tx, l, refreshHint{namespace: v.Namespace, name: v.Name, isNew: isNew, doc: &v, readme: p.Readme}); err != nil {
		return nil, "", err
	}
	v.Tags = l.tagsOf(v.Version)
	kind := pack.VersionPushed
	if outcome == db.Replaced {
		kind = pack.VersionReplaced
	}
	ch.add(versionChange(kind, &v, v.PushedBy))
	return &v, outcome, nil
}

// claimPack locks the row of the pack and reads its lineage. A pack that was never
// pushed has none to lock: isNew, with an empty lineage. Of two that find it so, the
// later one waits in insertPack and is run again by it.
func (c *Catalogue) claimPack(ctx context.Context, tx Tx, p *db.Publication) (l *lineage, isNew bool, err error) {
	var id int64
	err = tx.QueryRow(ctx, `SELECT id FROM packs WHERE namespace = $1 AND name = $2`+c.b.Dialect().ForUpdate,
		p.Version.Namespace, p.Version.Name).Scan(&id)
	if errors.Is(err, ErrNoRows) {
		return &lineage{}, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	l, err = readLineage(ctx, tx, id)
	return l, false, err
}

// insertPack makes the namespace and the row of the pack. When another transaction
// has just done so, it asks for another try, which then finds the row.
func insertPack(ctx context.Context, tx Tx, namespace, name string) (int64, error) {
	if _, err := tx.Exec(ctx, `INSERT INTO namespaces (name) VALUES ($1) ON CONFLICT DO NOTHING`, namespace); err != nil {
		return 0, err
	}
	var id int64
	err := tx.QueryRow(ctx, `INSERT INTO packs (namespace, name, path) VALUES ($1, $2, $3)
 ON CONFLICT DO NOTHING RETURNING id`, namespace, name, namespace+"/"+name).Scan(&id)
	if errors.Is(err, ErrNoRows) {
		return 0, ErrAgain
	}
	return id, err
}

// revisionIdentity is what decides what a publish does to a version that is there.
type revisionIdentity struct {
	digest        pack.Digest
	contentDigest string
}

// currentOf reads the identity of a live version; nil for nil.
func currentOf(ctx context.Context, tx Tx, l *lineage, m *member) (*revisionIdentity, error) {
	if m == nil {
		return nil, nil
	}
	var id revisionIdentity
	err := tx.QueryRow(ctx, `SELECT digest, content_digest FROM revisions WHERE version_id = $1 AND revision = $2`,
		m.id, m.revision).Scan((*string)(&id.digest), &id.contentDigest)
	if err != nil {
		return nil, notMissing(err)
	}
	return &id, nil
}

// decide says what a publish does, in the order db.Writer gives.
func decide(p *db.Publication, current *revisionIdentity) (db.Outcome, error) {
	v := &p.Version
	if p.IfNoneMatch && current != nil {
		return "", pack.Errorf(pack.KindPrecondition, "", "the version %s of %s is there already", v.Version, v.Name)
	}
	if err := checkMatch(p.IfMatch, current, v.Name, v.Version); err != nil {
		return "", err
	}
	switch {
	case current == nil:
		return db.Created, nil
	case current.contentDigest == v.ContentDigest:
		return db.Same, nil
	case !p.Force && !p.Overwrite:
		return "", pack.Errorf(pack.KindConflict, "version_exists",
			"the version %s of %s exists with other content: give it a new version, or overwrite it with force and a message",
			v.Version, v.Name)
	}
	return db.Replaced, nil
}

// checkMatch checks an If-Match, "" and "*" included, against what is current.
func checkMatch(want pack.Digest, current *revisionIdentity, name, version string) error {
	switch {
	case want == "":
		return nil
	case current == nil:
		return pack.Errorf(pack.KindPrecondition, "", "there is no version %s of %s", version, name)
	case want != "*" && want != current.digest:
		return pack.Errorf(pack.KindPrecondition, "", "the version %s of %s is now %s", version, name, current.digest)
	}
	return nil
}

// takeTags removes from l the hand-set tags that a version with this name and group
// takes for itself, and returns them: its own tag, and its plain version, which as a
// reference means the version before it means a tag.
func takeTags(l *lineage, version, group string) []pack.Tag {
	var taken, kept []pack.Tag
	for _, t := range l.hand {
		if t.Tag == pack.OwnTag(version, group) || t.Tag == version {
			taken = append(taken, t)
		} else {
			kept = append(kept, t)
		}
	}
	l.hand = kept
	return taken
}

// revisionRow holds the columns of a revision that are JSON.
type revisionRow struct {
	cloudTypes, annotations, warnings, manifest, readme string
}

// newRevisionRow encodes and checks what is to be stored.
func newRevisionRow(p *db.Publication) (*revisionRow, error) {
	v := &p.Version
	var r revisionRow
	var err error
	if r.cloudTypes, err = toJSON(v.CloudTypes, v.CloudTypes == nil, "[]"); err != nil {
		return nil, err
	}
	if r.annotations, err = toJSON(v.Annotations, v.Annotations == nil, "{}"); err != nil {
		return nil, err
	}
	if r.warnings, err = toJSON(v.Warnings, v.Warnings == nil, "[]"); err != nil {
		return nil, err
	}
	r.manifest, r.readme = string(v.Manifest), p.Readme
	if len(v.Manifest) == 0 {
		r.manifest = "null"
	}
	if !json.Valid([]byte(r.manifest)) {
		return nil, pack.Errorf(pack.KindInternal, "", "the manifest to be stored is no JSON")
	}
	return &r, checkStorable(v.Namespace, v.Name, v.Version, v.DisplayName, v.Layer, v.AddonType, v.Group, v.EOL,
		string(v.Digest), v.ContentDigest, v.MediaType, v.Message, v.PushedBy, string(v.TarGzDigest), r.manifest)
}

// insertRevision makes v the current revision of its version, and says so in l and in
// v.Revision, v.RevisionID and v.PushedAt, which the tables keep to the microsecond.
func (c *Catalogue) insertRevision(ctx context.Context, tx Tx, l *lineage, v *pack.Version, r *revisionRow, outcome db.Outcome) error {
	at := micros(v.PushedAt)
	if outcome == db.Replaced {
		if _, err := tx.Exec(ctx, `UPDATE revisions SET replaced_at = $1 WHERE version_id = $2 AND replaced_at IS NULL`,
			at, l.live(v.Version).id); err != nil {
			return err
		}
	}
	m := l.find(v.Version)
	if m == nil {
		l.members = append(l.members, member{version: v.Version})
		m = &l.members[len(l.members)-1]
	}
	m.group, m.deprecated, m.pushedAt, m.live = v.Group, v.Deprecated, at, true
	m.revision++
	err := tx.QueryRow(ctx, `INSERT INTO versions (pack_id, version, sort_key, group_name, deprecated, pushed_at, revision, live)
 VALUES ($1, $2, $3, $4, $5, $6, $7, true)
 ON CONFLICT (pack_id, version) DO UPDATE SET group_name = excluded.group_name, deprecated = excluded.deprecated,
 pushed_at = excluded.pushed_at, revision = excluded.revision, live = true RETURNING id`,
		l.packID, v.Version, pack.VersionKey(v.Version), v.Group, v.Deprecated, at, m.revision).Scan(&m.id)
	if err != nil {
		return notMissing(err)
	}
	err = tx.QueryRow(ctx, `INSERT INTO revisions (version_id, pack_id, revision, digest, content_digest, size, media_type,
 targz_digest, targz_size, targz_stored, display_name, layer, addon_type, cloud_types, group_name, eol, annotations,
 deprecated, message, pushed_by, pushed_at, warnings, manifest, readme)
 VALUES (`+placeholders(1, 24)+`) RETURNING id`,
		m.id, l.packID, m.revision, string(v.Digest), v.ContentDigest, v.Size, v.MediaType,
		string(v.TarGzDigest), v.TarGzSize, v.TarGzStored, v.DisplayName, v.Layer, v.AddonType, r.cloudTypes, v.Group, v.EOL,
		r.annotations, v.Deprecated, v.Message, v.PushedBy, at, r.warnings, r.manifest, r.readme).Scan(&v.RevisionID)
	if err != nil {
		return notMissing(err)
	}
	v.Revision, v.PushedAt = int(m.revision), fromMicros(at)
	return nil
}
