package registry

import (
	"context"
	"errors"

	"packregistry/internal/pack"
)

// DeleteVersion takes a version out at once, with its overwritten revisions, the hand-set tags that point to it, and
// its manifests, overwritten ones too, where they were pushed as ordinary content as well. Its bytes go with a later sweep. ifMatch,
// when not empty, is the digest the caller believes current. KindInvalid
// (version_invalid) for what is no version: a version is deleted by its own name only.
func (r *Registry) DeleteVersion(ctx context.Context, namespace, name, version string, ifMatch pack.Digest, by string) error {
	if err := checkPack(namespace, name); err != nil {
		return err
	}
	if err := pack.ValidateVersion(version); err != nil {
		return err
	}
	// Only the audit needs to know what it was; DeleteVersion decides.
	was, err := r.cfg.DB.Resolve(ctx, namespace, name, pack.Reference{Label: version})
	if err != nil || was.Version != version {
		was = &pack.Version{}
	}
	manifests, err := r.cfg.DB.VersionManifests(ctx, namespace, name, version)
	if err != nil {
		return err
	}
	defer r.moved()
	if err := r.cfg.DB.DeleteVersion(ctx, namespace, name, version, ifMatch, by); err != nil {
		return err
	}
	r.audit(ctx, "version.delete", by, namespace, name, version, "digest", string(was.Digest))
	var errs []error
	for _, digest := range manifests {
		if err := r.cfg.DB.DeleteOCIManifest(ctx, Repository(namespace, name), digest); !pack.IsKind(err, pack.KindNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// DeletePack takes out all versions of a pack, at once and together, and all else that its OCI repository has.
func (r *Registry) DeletePack(ctx context.Context, namespace, name, by string) error {
	if err := checkPack(namespace, name); err != nil {
		return err
	}
	if _, err := r.cfg.DB.Resolve(ctx, namespace, name, pack.Reference{Latest: true}); err != nil {
		return err
	}
	// What lies beside the versions goes first: when that or the next step fails, the same request again finds the pack.
	if err := r.cfg.DB.DeleteOCIRepository(ctx, Repository(namespace, name)); err != nil && !pack.IsKind(err, pack.KindNotFound) {
		return err
	}
	defer r.moved()
	if err := r.cfg.DB.DeletePack(ctx, namespace, name, by); err != nil {
		return err
	}
	r.audit(ctx, "pack.delete", by, namespace, name, "")
	return nil
}
