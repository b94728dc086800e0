package oci

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// An upload session lies in the catalogue, its chunks in the blob store, so that any replica goes on with it. What
// two requests do to one session at once is decided by its offset: the row changes only from the offset expected.

// Start begins an upload session.
func (c *Core) Start(ctx context.Context, repo, by string) (*Upload, error) {
	r, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	lease, err := c.cfg.DB.Lease(ctx, nil, leaseTTL)
	if err != nil {
		return nil, err
	}
	u := db.OCIUpload{ID: rand.Text(), Repo: r.path, User: by, Lease: lease, Expires: c.cfg.Now().Add(c.cfg.UploadTTL)}
	if err := c.cfg.OCI.PutOCIUpload(ctx, u, -1); err != nil {
		c.release(ctx, lease)
		return nil, err
	}
	return state(&u), nil
}

// Status tells where a session stands. KindNotFound (blob_upload_unknown), also for another user's or repository's.
func (c *Core) Status(ctx context.Context, repo, id, by string) (*Upload, error) {
	_, u, err := c.session(ctx, repo, id, by)
	if err != nil {
		return nil, err
	}
	return state(u), nil
}

// Cancel ends a session and gives up what it has.
func (c *Core) Cancel(ctx context.Context, repo, id, by string) error {
	if _, _, err := c.session(ctx, repo, id, by); err != nil {
		return err
	}
	return c.cfg.OCI.DeleteOCIUpload(ctx, id)
}

// Append adds a chunk at offset; -1 is where the session stands. A chunk that breaks off is not kept. At a wrong offset
// the error is KindConflict (range_invalid) and the session's state is returned beside it.
func (c *Core) Append(ctx context.Context, repo, id, by string, offset int64, body io.Reader) (*Upload, error) {
	_, u, err := c.session(ctx, repo, id, by)
	if err != nil {
		return nil, err
	}
	if offset >= 0 && offset != u.Offset {
		return state(u), wrongOffset(u.Offset)
	}
	chunk, err := c.receive(ctx, "", c.roomFor(u), body)
	if err != nil {
		return nil, err
	}
	defer func() { chunk.Close() }() // what chunk is by then
	next, merged, err := c.withChunk(ctx, u, chunk)
	if err != nil {
		return nil, err
	}
	if merged != nil {
		chunk.Close()
		chunk = merged
	}
	write := func() error { return c.cfg.OCI.PutOCIUpload(ctx, *next, u.Offset) }
	if chunk.Size() == 0 {
		err = write() // lives longer, nothing else
	} else {
		part := blob{digest: chunk.Digest(), size: chunk.Size(), src: chunk}
		if err := c.cfg.DB.Extend(ctx, u.Lease, []pack.Digest{part.digest}, leaseTTL); err != nil {
			return nil, err
		}
		err = c.keep(ctx, []blob{part}, write)
	}
	if code(err) == "offset_mismatch" { // another request was faster
		now, err := c.Status(ctx, repo, id, by)
		if err != nil {
			return nil, err
		}
		return now, wrongOffset(now.Offset)
	}
	if err != nil {
		return nil, uploadError(err)
	}
	return state(next), nil
}

// Finish ends a session with its last bytes, if any, and makes a blob of it. With digest_invalid nothing is kept.
func (c *Core) Finish(ctx context.Context, repo, id, by, digest string, offset int64, body io.Reader) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	r, u, err := c.session(ctx, repo, id, by)
	if err != nil {
		return err
	}
	last, empty, err := lookInto(ctx, body)
	if err != nil {
		return err
	}
	if offset >= 0 && offset != u.Offset {
		return wrongOffset(u.Offset)
	}
	if empty && len(u.Parts) == 1 && !isLong(digest) {
		// The usual case, one stream: the part is the blob.
		part := u.Parts[0]
		err = sameDigest(digest, string(part.Blob))
		if err == nil {
			err = c.putBlob(ctx, r, digest, blob{digest: part.Blob, size: part.Size})
		}
	} else {
		parts := &partsReader{ctx: ctx, store: c.cfg.Store, parts: u.Parts}
		err = c.takeIn(ctx, r, digest, parts, last)
		err = errors.Join(err, parts.Close())
	}
	if err != nil && code(err) != "digest_invalid" {
		return lostSession(err)
	}
	// The blob is there, or never will be. A session that cannot be ended now expires.
	if ended := c.cfg.OCI.DeleteOCIUpload(context.WithoutCancel(ctx), id); ended != nil {
		c.cfg.Log.WarnContext(ctx, "an upload session was not ended; it expires by itself", "error", ended)
	}
	if err != nil {
		return err
	}
	c.audit(ctx, "blob.push", by, r.path, "digest", digest)
	return nil
}

// session finds a session for who began it, where it was begun.
func (c *Core) session(ctx context.Context, repo, id, by string) (repository, *db.OCIUpload, error) {
	r, err := parseRepository(repo)
	if err != nil {
		return r, nil, err
	}
	u, err := c.cfg.OCI.OCIUpload(ctx, id)
	if err != nil {
		return r, nil, uploadError(err)
	}
	if u.Repo != r.path || u.User != by {
		return r, nil, uploadUnknown()
	}
	return r, u, nil
}

// roomFor is how much a session may still take, negative for any amount.
func (c *Core) roomFor(u *db.OCIUpload) int64 {
	if c.cfg.BlobLimit == 0 {
		return -1
	}
	return max(0, c.cfg.BlobLimit-u.Offset)
}

// lookInto tells whether a body has bytes, without losing them. It may be nil.
func lookInto(ctx context.Context, body io.Reader) (_ io.Reader, empty bool, err error) {
	if body == nil {
		return noBytes{}, true, nil
	}
	b := bufio.NewReader(&watched{ctx: ctx, r: body})
	_, err = b.Peek(1)
	if err == io.EOF {
		return noBytes{}, true, nil
	}
	return b, false, err
}

type noBytes struct{}

func (noBytes) Read([]byte) (int, error) { return 0, io.EOF }

func state(u *db.OCIUpload) *Upload { return &Upload{ID: u.ID, Offset: u.Offset} }

func wrongOffset(at int64) error {
	return pack.Errorf(pack.KindConflict, "range_invalid", "the session has %d bytes; go on from there", at)
}

func uploadUnknown() error {
	return notFound("blob_upload_unknown", "there is no such upload session; it may have ended or expired, begin a new one")
}

// uploadError gives errors about the session's row the words of the spec.
func uploadError(err error) error {
	if code(err) == "upload_unknown" {
		return uploadUnknown()
	}
	return err
}

// lostSession is for a session that another request ended while its parts were read.
func lostSession(err error) error {
	if pack.IsKind(err, pack.KindNotFound) {
		return uploadUnknown()
	}
	return err
}

// code is the code of an error of ours, else "".
func code(err error) string {
	var e *pack.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// partsReader reads the parts of a session one after the other.
type partsReader struct {
	ctx   context.Context
	store storage.Store
	parts []db.OCILink
	open  io.ReadCloser
}

func (p *partsReader) Read(b []byte) (int, error) {
	for {
		if p.open == nil {
			if len(p.parts) == 0 {
				return 0, io.EOF
			}
			stream, err := p.store.Open(p.ctx, p.parts[0].Blob, 0, -1)
			if err != nil {
				return 0, err
			}
			p.open, p.parts = stream, p.parts[1:]
		}
		n, err := p.open.Read(b)
		if errors.Is(err, io.EOF) {
			err = p.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes the part that is being read.
func (p *partsReader) Close() error {
	if p.open == nil {
		return nil
	}
	open := p.open
	p.open = nil
	return open.Close()
}
