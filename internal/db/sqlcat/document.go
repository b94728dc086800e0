package sqlcat

import (
	"encoding/json"

	"packregistry/internal/pack"
)

// documentColumns are the columns of a version document, from packs p, versions v
// and revisions r, without warnings and manifest. scanTargets reads them.
const documentColumns = `p.namespace, p.name, v.version, r.display_name, r.layer, r.addon_type, r.cloud_types, r.group_name,
 r.eol, r.annotations, r.digest, r.content_digest, r.size, r.media_type, r.revision, r.message, r.deprecated,
 r.pushed_by, r.pushed_at, r.id, r.targz_digest, r.targz_size, r.targz_stored`

// currentJoin joins packs p, versions v and the current revisions r of live versions.
const currentJoin = `packs p JOIN versions v ON v.pack_id = p.id AND v.live
 JOIN revisions r ON r.version_id = v.id AND r.revision = v.revision`

// documentScan collects the columns of one document.
type documentScan struct {
	v                       pack.Version
	cloudTypes, annotations string
	revision, pushedAt      int64
}

// targets are the destinations for documentColumns.
func (d *documentScan) targets(more ...any) []any {
	v := &d.v
	return append([]any{
		&v.Namespace, &v.Name, &v.Version, &v.DisplayName, &v.Layer, &v.AddonType, &d.cloudTypes, &v.Group,
		&v.EOL, &d.annotations, (*string)(&v.Digest), &v.ContentDigest, &v.Size, &v.MediaType, &d.revision, &v.Message,
		&v.Deprecated, &v.PushedBy, &d.pushedAt, &v.RevisionID, (*string)(&v.TarGzDigest), &v.TarGzSize, &v.TarGzStored,
	}, more...)
}

// version is the document, its Tags empty. It must be called once a row.
func (d *documentScan) version() (*pack.Version, error) {
	v := d.v
	v.CloudTypes, v.Annotations = nil, nil
	if err := fromJSON(d.cloudTypes, &v.CloudTypes); err != nil {
		return nil, err
	}
	if err := fromJSON(d.annotations, &v.Annotations); err != nil {
		return nil, err
	}
	v.Revision = int(d.revision)
	v.PushedAt = fromMicros(d.pushedAt)
	v.Tags = []string{}
	return &v, nil
}

// toJSON is for columns that hold lists and maps; empty is what a nil value becomes.
func toJSON[T any](value T, isNil bool, empty string) (string, error) {
	if isNil {
		return empty, nil
	}
	b, err := json.Marshal(value)
	if err != nil {
		return "", pack.Wrap(pack.KindInternal, err, "the catalogue could not write a document")
	}
	return string(b), nil
}

func fromJSON(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return pack.Wrap(pack.KindInternal, err, "the catalogue holds a document it cannot read")
	}
	return nil
}
