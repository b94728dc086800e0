package oci

import (
	"bytes"
	"context"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// maxTags is how many tags one push may set.
const maxTags = 100

// PutManifest stores a manifest byte for byte and points tags at it. In the repository of a pack a tag that begins like a
// version makes it a publish of that version (pack.go).
//
// KindInvalid (name_invalid, tag_invalid, digest_invalid, manifest_invalid), KindTooLarge (manifest_too_large), KindNotFound
// (manifest_blob_unknown); of a pack also KindBadPack (manifest_invalid, with findings), KindForbidden (denied).
func (c *Core) PutManifest(ctx context.Context, p Put) (*PutResult, error) {
	r, err := parseRepository(p.Repo)
	if err != nil {
		return nil, err
	}
	if int64(len(p.Body)) > c.cfg.ManifestLimit {
		return nil, tooLarge("manifest", c.cfg.ManifestLimit)
	}
	digest, tags, err := p.names()
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(p.Body, p.MediaType)
	if err != nil {
		return nil, err
	}
	row := db.OCIManifest{
		Digest: digest, Blob: blobDigest(p.Body), Size: int64(len(p.Body)), MediaType: m.MediaType,
		ArtifactType: m.artifactType(), Subject: m.subject(), Annotations: m.Annotations,
	}
	result := &PutResult{Digest: digest, Subject: row.Subject}
	if r.isPack() {
		versions := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return !isVersion(t) })
		if len(versions) > 0 {
			if result.Warnings, err = c.pushPack(ctx, r, &p, m, row, versions); err != nil {
				return nil, err
			}
			result.Subject = "" // a version is nobody's referrer
			if tags = slices.DeleteFunc(tags, isVersion); len(tags) == 0 {
				return result, nil
			}
		}
	}
	if row.Refers, err = c.refers(ctx, r, m); err != nil {
		return nil, err
	}
	body := blob{digest: row.Blob, size: row.Size, src: bytes.NewReader(p.Body)}
	err = c.commit(ctx, []blob{body}, func(lease db.LeaseID) error { return c.cfg.OCI.PutOCIManifest(ctx, r.path, row, tags, lease) })
	if err != nil {
		return nil, err
	}
	c.audit(ctx, "manifest.push", p.By, r.path, "digest", digest, "tags", tags)
	return result, nil
}

// names reads reference and tags, and checks the digest.
func (p *Put) names() (digest string, tags []string, err error) {
	if len(p.Tags) > maxTags {
		return "", nil, pack.Errorf(pack.KindInvalid, "tag_invalid", "at most %d tags are set at once", maxTags)
	}
	if err := checkReference(p.Reference); err != nil {
		return "", nil, err
	}
	for _, t := range p.Tags {
		if err := checkTag(t); err != nil {
			return "", nil, err
		}
	}
	tags = slices.Clone(p.Tags)
	digest = digestOf(p.Reference, p.Body)
	if isDigest(p.Reference) {
		err = sameDigest(p.Reference, digest)
	} else {
		tags = append(tags, p.Reference)
	}
	slices.Sort(tags)
	return digest, slices.Compact(tags), err
}

// refers lists what of a manifest's content the repository has. Config and layers must be there; the manifests of an
// index may be missing (a sparse index), and so may the subject.
func (c *Core) refers(ctx context.Context, r repository, m *parsed) ([]string, error) {
	var refers []string
	seen := map[string]bool{}
	for _, d := range m.content() {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		f, err := c.find(ctx, r, d.Digest)
		if pack.IsKind(err, pack.KindNotFound) && d.elsewhere() {
			continue
		}
		if err != nil {
			return nil, blobMissing(err, d.Digest)
		}
		if f.link == nil && f.Size == int64(len(emptyJSON)) {
			// Shown to all who have the pack; who refers to it keeps it for itself.
			if err := c.copyBlob(ctx, r, f.Blob); err != nil {
				return nil, err
			}
		} else if f.link == nil {
			continue // made on demand from a version, for as long as that is there
		}
		refers = append(refers, d.Digest)
	}
	for _, d := range m.Manifests {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		_, err := c.cfg.OCI.OCIManifest(ctx, r.path, d.Digest)
		if err == nil {
			refers = append(refers, d.Digest)
		} else if !pack.IsKind(err, pack.KindNotFound) {
			return nil, err
		}
	}
	return refers, nil
}

// blobMissing gives a blob that is not there the word for a manifest.
func blobMissing(err error, digest string) error {
	if pack.IsKind(err, pack.KindNotFound) {
		return notFound("manifest_blob_unknown", "the manifest names the blob %s, which was not pushed to this repository", digest)
	}
	return err
}
