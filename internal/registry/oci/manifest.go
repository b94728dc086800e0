package oci

import (
	"context"
	"io"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Manifest finds a manifest by tag or digest and gives its bytes as they were pushed, or first made. KindInvalid
// (name_invalid, digest_invalid), KindNotFound (manifest_unknown, name_unknown).
func (c *Core) Manifest(ctx context.Context, repo, ref string) (*Manifest, error) {
	r, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	m, err := c.findManifest(ctx, r, ref)
	if err != nil {
		return nil, err
	}
	body, err := c.bytesOf(ctx, m)
	if pack.IsKind(err, pack.KindNotFound) {
		// Deleted and swept since it was found, or lost.
		if _, gone := c.findManifest(ctx, r, ref); gone != nil {
			return nil, gone
		}
		c.cfg.Log.ErrorContext(ctx, "a manifest is missing from the store", "digest", string(m.Blob), "repository", r.path)
		return nil, pack.Wrap(pack.KindCorrupt, err, "the server has lost the bytes of this manifest; tell its administrator")
	}
	if err != nil {
		return nil, err
	}
	return &Manifest{Digest: m.Digest, MediaType: m.MediaType, Bytes: body}, nil
}

func (c *Core) findManifest(ctx context.Context, r repository, ref string) (*db.OCIManifest, error) {
	if isDigest(ref) {
		if err := checkDigest(ref); err != nil {
			return nil, err
		}
	} else if checkTag(ref) != nil {
		return nil, manifestUnknown("of that name")
	}
	if !r.isPack() || (!isDigest(ref) && !isVersion(ref)) {
		return c.cfg.OCI.OCIManifest(ctx, r.path, ref)
	}
	m, err := c.packManifest(ctx, r, ref)
	if pack.IsKind(err, pack.KindNotFound) && isDigest(ref) {
		m, err = c.cfg.OCI.OCIManifest(ctx, r.path, ref)
	}
	if pack.IsKind(err, pack.KindNotFound) {
		return nil, manifestUnknown(ref)
	}
	return m, err
}

func (c *Core) bytesOf(ctx context.Context, m *db.OCIManifest) ([]byte, error) {
	stream, err := c.cfg.Store.Open(ctx, m.Blob, 0, -1)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	body := make([]byte, m.Size)
	if _, err := io.ReadFull(stream, body); err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, stream) // the store checks the hash at the end
	return body, err
}

// referrersRoom is about how many bytes one list of referrers may have: what clients take of a manifest.
const referrersRoom = 4 << 20

// Referrers lists the manifests of a repository whose subject is digest, of one artifact type or ("") of any, after
// last ("" from the start), and tells whether there may be more after them. It is empty for what is not known.
func (c *Core) Referrers(ctx context.Context, repo, digest, artifactType, last string) (list []Descriptor, more bool, err error) {
	r, err := parseRepository(repo)
	if err != nil {
		return nil, false, err
	}
	if err := checkDigest(digest); err != nil {
		return nil, false, err
	}
	ms, err := c.cfg.OCI.OCIReferrers(ctx, r.path, digest, artifactType, last, referrersRoom)
	if err != nil {
		return nil, false, err
	}
	list = make([]Descriptor, len(ms))
	weight := 0
	for i, m := range ms {
		weight += m.Weight()
		list[i] = Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, ArtifactType: m.ArtifactType, Annotations: m.Annotations}
	}
	return list, weight >= referrersRoom, nil
}
