package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"packregistry/internal/pack"
)

// Publication is an archive on its way to the server.
type Publication struct {
	Archive io.ReaderAt
	Size    int64 // bytes
	Format  pack.Format
	// Force lets the content of a known version move; it needs a Message.
	Force   bool
	Message string
	// New refuses a version that is there already, whatever its content, with pack.KindPrecondition.
	New bool
	// Progress is told how many bytes of an attempt were sent; nil is nobody. An attempt starts at 0.
	Progress func(sent int64)
}

// Publish uploads an archive. created is false when the same content was there already.
// A bad pack is pack.KindBadPack with findings; other content under the version is
// pack.KindConflict, code version_exists.
func (c *Client) Publish(ctx context.Context, p Publication) (v *pack.Version, created bool, err error) {
	r := &request{
		method: http.MethodPost, path: "/packs", query: url.Values{}, size: p.Size,
		header: http.Header{"Content-Type": {p.Format.MediaType()}, "Expect": {"100-continue"}},
		body: func() (io.Reader, error) {
			return &counted{r: io.NewSectionReader(p.Archive, 0, p.Size), tell: p.Progress}, nil
		},
	}
	if p.Force {
		r.query.Set("force", "true")
	}
	if p.Message != "" {
		r.query.Set("message", p.Message)
	}
	if p.New {
		r.header.Set("If-None-Match", "*")
	}
	v = &pack.Version{}
	status, err := c.answer(ctx, r, v)
	if p.New && !p.Force && r.lost && pack.IsKind(err, pack.KindPrecondition) {
		// It may be there because of the attempt whose answer was lost: then it has this content.
		r.header.Del("If-None-Match")
		if _, other := c.answer(ctx, r, v); other == nil {
			return v, true, nil
		}
	}
	return v, status == http.StatusCreated, err
}

// counted tells how much was read.
type counted struct {
	r    io.Reader
	n    int64
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	if c.n == 0 && c.tell != nil {
		c.tell(0)
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.tell != nil {
		c.tell(c.n)
	}
	return n, err
}
