package oci

import (
	"bytes"
	"context"
	"io"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// emptyJSON is the config of every pack that ORAS 1.0 pushes (palette-contract 3.3).
const emptyJSON = "{}"

// found is a blob that a repository has a right to. link is nil when the bytes are made on demand.
type found struct {
	*Blob
	link *db.OCILink
}

// Blob finds a blob of a repository. The right comes from the repository, never from knowing the digest.
// KindInvalid (name_invalid, digest_invalid), KindNotFound (blob_unknown).
func (c *Core) Blob(ctx context.Context, repo, digest string) (*Blob, error) {
	r, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(digest); err != nil {
		return nil, err
	}
	f, err := c.find(ctx, r, digest)
	if err != nil {
		return nil, err
	}
	return f.Blob, nil
}

func (c *Core) find(ctx context.Context, r repository, digest string) (*found, error) {
	link, err := c.cfg.OCI.OCIBlob(ctx, r.path, digest)
	if err == nil {
		return &found{Blob: c.stored(r, link), link: link}, nil
	}
	if !pack.IsKind(err, pack.KindNotFound) {
		return nil, err
	}
	if r.isPack() {
		return c.findOfPack(ctx, r, digest)
	}
	return nil, blobUnknown(digest)
}

// stored serves a blob that lies in the store.
func (c *Core) stored(r repository, link *db.OCILink) *Blob {
	b := &Blob{Digest: link.Digest, Size: link.Size, Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		stream, err := c.cfg.Store.Open(ctx, link.Blob, offset, length)
		if pack.IsKind(err, pack.KindInvalid) && offset >= 0 && offset <= link.Size {
			return nil, pack.Wrap(pack.KindCorrupt, err, "the server has lost bytes of this blob; tell its administrator")
		}
		return stream, c.lost(ctx, r, link, err)
	}}
	if c.cfg.Linker != nil {
		b.Link = func(ctx context.Context, mediaType, disposition string) (string, error) {
			address, err := c.cfg.Linker.Link(ctx, link.Blob, storage.LinkOptions{Size: link.Size, MediaType: mediaType, Disposition: disposition})
			return address, c.lost(ctx, r, link, err)
		}
	}
	return b
}

// lost says what it means that the store has no such blob: deleted and swept since it was found, or lost.
func (c *Core) lost(ctx context.Context, r repository, link *db.OCILink, err error) error {
	if !pack.IsKind(err, pack.KindNotFound) {
		return err
	}
	if _, gone := c.find(ctx, r, link.Digest); gone != nil {
		return gone
	}
	c.cfg.Log.ErrorContext(ctx, "a blob is missing from the store", "digest", string(link.Blob), "repository", r.path)
	return pack.Wrap(pack.KindCorrupt, err, "the server has lost the bytes of this blob; tell its administrator")
}

// DeleteBlob ends the right of a repository to a blob. KindNotFound (blob_unknown), KindConflict (blob_in_use) while
// a manifest or a version needs it.
func (c *Core) DeleteBlob(ctx context.Context, repo, digest, by string) error {
	r, err := parseRepository(repo)
	if err != nil {
		return err
	}
	if err := checkDigest(digest); err != nil {
		return err
	}
	err = c.cfg.OCI.DeleteOCIBlob(ctx, r.path, digest)
	if r.isPack() && pack.IsKind(err, pack.KindNotFound) {
		if _, ofPack := c.findOfPack(ctx, r, digest); ofPack == nil {
			return pack.Errorf(pack.KindConflict, "blob_in_use", "this blob is part of a version of the pack; delete the version")
		}
	}
	if err != nil {
		return err
	}
	c.audit(ctx, "blob.delete", by, r.path, "digest", digest)
	return nil
}

// Mount gives a repository a blob that another one has; whether the caller may read there is the face's to know.
// False: it is not there, start an upload. An empty from never finds anything.
func (c *Core) Mount(ctx context.Context, repo, from, digest, by string) (bool, error) {
	r, err := parseRepository(repo)
	if err != nil {
		return false, err
	}
	if err := checkDigest(digest); err != nil {
		return false, err
	}
	source, err := parseRepository(from)
	if err != nil {
		return false, nil // no such repository can be
	}
	f, err := c.find(ctx, source, digest)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		return false, nil
	case err != nil:
		return false, err
	case f.link == nil:
		err = c.copyBlob(ctx, r, f.Blob)
	default:
		link := blob{digest: f.link.Blob, size: f.link.Size}
		err = c.commit(ctx, []blob{link}, func(lease db.LeaseID) error { return c.cfg.OCI.PutOCIBlob(ctx, r.path, *f.link, lease) })
	}
	if pack.IsKind(err, pack.KindNotFound) {
		return false, nil // gone meanwhile
	}
	if err != nil {
		return false, err
	}
	c.audit(ctx, "blob.mount", by, r.path, "digest", digest, "from", source.path)
	return true, nil
}

// copyBlob stores a blob that is made on demand.
func (c *Core) copyBlob(ctx context.Context, r repository, b *Blob) error {
	stream, err := b.Open(ctx, 0, -1)
	if err != nil {
		return err
	}
	defer stream.Close()
	return c.takeIn(ctx, r, b.Digest, stream)
}

// PutBlob stores a blob that comes in one request. KindInvalid (digest_invalid, blob_upload_invalid), KindTooLarge (blob_too_large).
func (c *Core) PutBlob(ctx context.Context, repo, by, digest string, body io.Reader) error {
	r, err := parseRepository(repo)
	if err != nil {
		return err
	}
	if err := checkDigest(digest); err != nil {
		return err
	}
	if err := c.takeIn(ctx, r, digest, body); err != nil {
		return err
	}
	c.audit(ctx, "blob.push", by, r.path, "digest", digest)
	return nil
}

// takeIn spools bodies, checks their digest and makes them a blob of the repository.
func (c *Core) takeIn(ctx context.Context, r repository, digest string, bodies ...io.Reader) error {
	in, err := c.receive(ctx, digest, c.blobLimit(), bodies...)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.check(digest); err != nil {
		return err
	}
	return c.putBlob(ctx, r, digest, blob{digest: in.Digest(), size: in.Size(), src: in})
}

func (c *Core) putBlob(ctx context.Context, r repository, digest string, b blob) error {
	link := db.OCILink{Digest: digest, Blob: b.digest, Size: b.size}
	return c.commit(ctx, []blob{b}, func(lease db.LeaseID) error { return c.cfg.OCI.PutOCIBlob(ctx, r.path, link, lease) })
}

// blobLimit is the largest blob, negative for none.
func (c *Core) blobLimit() int64 {
	if c.cfg.BlobLimit == 0 {
		return -1
	}
	return c.cfg.BlobLimit
}

// memory serves bytes that are always there.
func memory(digest string, content []byte) *Blob {
	size := int64(len(content))
	return &Blob{Digest: digest, Size: size, Open: func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		if offset < 0 || offset > size {
			return nil, pack.Errorf(pack.KindInvalid, "range_invalid", "the range starts outside the content of %d bytes", size)
		}
		if length < 0 || length > size-offset {
			length = size - offset
		}
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(content), offset, length)), nil
	}}
}

var _ storage.Source = (*received)(nil)
