package oci

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"packregistry/internal/pack"
	core "packregistry/internal/registry/oci"
)

// start is POST: a mount, a whole blob, or the begin of a session.
func (c *call) start() error {
	ctx := c.r.Context()
	if c.req.Mount != "" {
		mounted, err := c.Core.Mount(ctx, c.req.Repo, c.req.From, c.req.Mount, c.by)
		if err != nil {
			return err
		}
		if mounted {
			return c.created(c.req.Mount)
		}
	} else if c.req.Digest != "" {
		if err := c.Core.PutBlob(ctx, c.req.Repo, c.by, c.req.Digest, c.r.Body); err != nil {
			return err
		}
		return c.created(c.req.Digest)
	}
	u, err := c.Core.Start(ctx, c.req.Repo, c.by)
	if err != nil {
		return err
	}
	c.tell(u)
	return c.done(http.StatusAccepted, nil)
}

// append is PATCH: the next chunk, or all that follows when there is no Content-Range.
func (c *call) append() error {
	offset, body, err := c.chunk()
	if err != nil {
		return err
	}
	u, err := c.Core.Append(c.r.Context(), c.req.Repo, c.req.Upload, c.by, offset, body)
	if err != nil {
		return c.refused(err, body)
	}
	c.tell(u)
	return c.done(http.StatusAccepted, nil)
}

// finish is PUT: perhaps a last chunk, and the digest of the whole.
func (c *call) finish() error {
	offset, body, err := c.chunk()
	if err != nil {
		return err
	}
	if err := c.Core.Finish(c.r.Context(), c.req.Repo, c.req.Upload, c.by, c.req.Digest, offset, body); err != nil {
		return c.refused(err, body)
	}
	return c.created(c.req.Digest)
}

func (c *call) status() error {
	u, err := c.Core.Status(c.r.Context(), c.req.Repo, c.req.Upload, c.by)
	if err != nil {
		return err
	}
	c.tell(u)
	return c.done(http.StatusNoContent, nil)
}

// created answers that the repository has the blob.
func (c *call) created(digest string) error {
	h := c.w.Header()
	h.Set("Location", c.path("blobs/"+digest))
	h.Set("Docker-Content-Digest", digest)
	return c.done(http.StatusCreated, nil)
}

// tell sets the state of a session. Range cannot say "nothing yet"; 0-0 is what registries say then.
func (c *call) tell(u *core.Upload) {
	h := c.w.Header()
	h.Set("Location", c.path("blobs/uploads/"+u.ID))
	h.Set("Range", "0-"+strconv.FormatInt(max(u.Offset-1, 0), 10))
	h.Set("Docker-Upload-UUID", u.ID)
}

// chunk gives the offset of the body, -1 for "where the session stands", and a body that is as long as Content-Range says.
func (c *call) chunk() (int64, *exactly, error) {
	body := &exactly{r: c.r.Body, left: -1}
	if c.req.Range == nil {
		return -1, body, nil
	}
	body.left = c.req.Range.Len()
	if c.r.ContentLength >= 0 && c.r.ContentLength != body.left {
		return 0, nil, errSize()
	}
	return c.req.Range.First, body, nil
}

// refused tells with a range that does not fit where the session stands, so that the client goes on from there.
func (c *call) refused(err error, body *exactly) error {
	if body.fault != nil {
		return body.fault
	}
	var known *pack.Error
	if !errors.As(err, &known) || (known.Code != "range_invalid" && known.Code != "offset_mismatch") {
		return err
	}
	u, statusErr := c.Core.Status(c.r.Context(), c.req.Repo, c.req.Upload, c.by)
	if statusErr != nil {
		return errors.Join(err, statusErr)
	}
	c.tell(u)
	return err
}

func errSize() error {
	return pack.Errorf(pack.KindInvalid, "size_invalid", "the chunk is not as long as its Content-Range says")
}

// exactly is a body that must have a length; -1 is any. It fails at its end when it is not.
type exactly struct {
	r     io.Reader
	left  int64
	fault error
}

// Read is io.Reader.
func (e *exactly) Read(p []byte) (int, error) {
	if e.fault != nil {
		return 0, e.fault
	}
	n, err := e.r.Read(p)
	if e.left < 0 {
		return n, err
	}
	if int64(n) > e.left || (errors.Is(err, io.EOF) && int64(n) < e.left) {
		e.fault = errSize()
		return 0, e.fault
	}
	e.left -= int64(n)
	return n, err
}
