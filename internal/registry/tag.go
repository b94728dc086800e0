package registry

import (
	"context"

	"packregistry/internal/pack"
)

// SetTag points a hand-set tag at a version, which may be given by version only.
// KindConflict (tag_reserved) for a name that the registry derives itself,
// KindNotFound for a version that is not there, KindInvalid (version_invalid) for
// what can be none: "latest", a parent tag, a digest.
func (r *Registry) SetTag(ctx context.Context, namespace, name, tag, version, by string) error {
	if err := checkTag(namespace, name, tag); err != nil {
		return err
	}
	if err := pack.ValidateVersion(version); err != nil {
		return err
	}
	defer r.moved()
	if err := r.cfg.DB.SetTag(ctx, namespace, name, tag, version, by); err != nil {
		return err
	}
	r.audit(ctx, "tag.set", by, namespace, name, version, "tag", tag)
	return nil
}

// DeleteTag removes a hand-set tag. KindConflict (tag_derived) for another.
func (r *Registry) DeleteTag(ctx context.Context, namespace, name, tag, by string) error {
	if err := checkTag(namespace, name, tag); err != nil {
		return err
	}
	defer r.moved()
	if err := r.cfg.DB.DeleteTag(ctx, namespace, name, tag, by); err != nil {
		return err
	}
	r.audit(ctx, "tag.delete", by, namespace, name, "", "tag", tag)
	return nil
}

func checkTag(namespace, name, tag string) error {
	if err := checkPack(namespace, name); err != nil {
		return err
	}
	return pack.ValidateTag(tag)
}
