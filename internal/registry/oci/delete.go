package oci

import (
	"context"
	"errors"

	"packregistry/internal/pack"
)

// DeleteManifest removes a tag, or a manifest by digest with all its tags. Of a pack the tag of a version, and the digest
// that it points at, stand for the version: it is deleted, with its overwritten revisions. KindNotFound (manifest_unknown, name_unknown).
func (c *Core) DeleteManifest(ctx context.Context, repo, ref, by string) error {
	r, err := parseRepository(repo)
	if err != nil {
		return err
	}
	switch {
	case isDigest(ref):
		if err := checkDigest(ref); err != nil {
			return err
		}
		if r.isPack() {
			return c.deleteOfPack(ctx, r, ref, by)
		}
		return c.deleteOrdinary(ctx, r, ref, by)
	case checkTag(ref) != nil:
		return manifestUnknown("of that name")
	case r.isPack() && isVersion(ref):
		return c.deleteVersion(ctx, r, ref, "", by)
	}
	if err := c.cfg.OCI.DeleteOCITag(ctx, r.path, ref); err != nil {
		return err
	}
	c.audit(ctx, "tag.delete", by, r.path, "tag", ref)
	return nil
}

func (c *Core) deleteOrdinary(ctx context.Context, r repository, digest, by string) error {
	if err := c.cfg.OCI.DeleteOCIManifest(ctx, r.path, digest); err != nil {
		return err
	}
	c.audit(ctx, "manifest.delete", by, r.path, "digest", digest)
	return nil
}

// deleteOfPack deletes by digest: the version, one of its older manifests, or ordinary content.
func (c *Core) deleteOfPack(ctx context.Context, r repository, digest, by string) error {
	m, err := c.cfg.OCI.PackManifest(ctx, r.namespace, r.pack, digest)
	if pack.IsKind(err, pack.KindNotFound) {
		err = c.deleteOrdinary(ctx, r, digest, by)
		if pack.IsKind(err, pack.KindNotFound) {
			return manifestUnknown(digest)
		}
		return err
	}
	if err != nil {
		return err
	}
	if m.Current {
		v, err := c.version(ctx, r, m.Version)
		if err != nil {
			return err
		}
		if v.RevisionID != m.RevisionID {
			return moved()
		}
		return c.deleteVersion(ctx, r, m.Version, v.Digest, by)
	}
	if err := c.cfg.OCI.DeletePackManifest(ctx, r.namespace, r.pack, digest); err != nil {
		if code(err) == "manifest_in_use" {
			return moved()
		}
		return err
	}
	c.audit(ctx, "manifest.delete", by, r.path, "digest", digest, "version", m.Version)
	// It may have been pushed as ordinary content too.
	if err := c.cfg.OCI.DeleteOCIManifest(ctx, r.path, digest); err != nil && !pack.IsKind(err, pack.KindNotFound) {
		return err
	}
	return nil
}

// moved is for a version that changed between looking and deleting.
func moved() error {
	return pack.Errorf(pack.KindConflict, "denied", "the version has just been changed; look at it again before you delete it")
}

// deleteVersion deletes a version.
func (c *Core) deleteVersion(ctx context.Context, r repository, version string, ifMatch pack.Digest, by string) error {
	if _, err := c.version(ctx, r, version); err != nil {
		return err
	}
	err := c.cfg.Registry.DeleteVersion(ctx, r.namespace, r.pack, version, ifMatch, by)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		return manifestUnknown(version)
	case pack.IsKind(err, pack.KindPrecondition):
		return moved()
	}
	return err
}

// DeleteRepository ends a repository: all its content, tags, rights and sessions, and the pack if it is one.
// KindNotFound (name_unknown).
func (c *Core) DeleteRepository(ctx context.Context, repo, by string) error {
	r, err := parseRepository(repo)
	if err != nil {
		return err
	}
	ofPack := nameUnknown(repo)
	if r.isPack() {
		ofPack = c.cfg.Registry.DeletePack(ctx, r.namespace, r.pack, by)
	}
	ordinary := c.cfg.OCI.DeleteOCIRepository(ctx, r.path)
	gone := func(err error) bool { return pack.IsKind(err, pack.KindNotFound) }
	switch {
	case gone(ofPack) && gone(ordinary):
		return nameUnknown(repo)
	case ofPack != nil && !gone(ofPack), ordinary != nil && !gone(ordinary):
		return errors.Join(ofPack, ordinary)
	}
	c.audit(ctx, "repository.delete", by, r.path)
	return nil
}
