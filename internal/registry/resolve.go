package registry

import (
	"context"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Resolve finds the version that a reference means: a version, a tag, latest or
// a digest. KindInvalid for what cannot be one, KindNotFound (pack_not_found,
// version_not_found) for what is not there. The answer is never older than the
// question, also when another process has changed the catalogue. The document's lists
// and its manifest are shared with other callers: they must not be changed.
func (r *Registry) Resolve(ctx context.Context, namespace, name, ref string) (*pack.Version, error) {
	v, err := r.resolve(ctx, namespace, name, ref)
	if err != nil {
		return nil, err
	}
	own := *v
	return &own, nil
}

// Pack gives a pack with its versions, newest first, and its tags.
func (r *Registry) Pack(ctx context.Context, namespace, name string) (*db.Pack, error) {
	if err := checkPack(namespace, name); err != nil {
		return nil, err
	}
	return r.cfg.DB.Pack(ctx, namespace, name)
}

// Search finds packs; see db.Query.
func (r *Registry) Search(ctx context.Context, q db.Query) (*db.Page, error) {
	if err := checkScope(q.Namespace); err != nil {
		return nil, err
	}
	return r.cfg.DB.Search(ctx, q)
}

// Names lists the packs of a namespace in byte order; of "*" as namespace/name.
func (r *Registry) Names(ctx context.Context, namespace string) ([]string, error) {
	if err := checkScope(namespace); err != nil {
		return nil, err
	}
	return r.cfg.DB.Names(ctx, namespace)
}
