package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"packregistry/internal/pack"
)

// Archive opens the archive of a version, the zip byte for byte. Whoever reads it to its end has read exactly v.Size
// bytes that hash to v.Digest: anything else is an error of the last Read. It goes on where a connection broke.
func (c *Client) Archive(ctx context.Context, v *pack.Version) (io.ReadCloser, error) {
	a := &archive{
		c: c, ctx: ctx, want: v.Digest, size: v.Size, follow: true,
		// By digest, so that a version that moves meanwhile stays what v says it is.
		path: packPath(v.Name, "versions", segment(string(v.Digest)), "archive"), query: in(v),
	}
	if err := a.open(); err != nil {
		return nil, err
	}
	return a, nil
}

// ArchiveAs opens an archive of a version like Archive, by the digest of its zip or its tar.gz, or, where digest is "", in
// a form. It says what the digest and the size in bytes are.
func (c *Client) ArchiveAs(ctx context.Context, v *pack.Version, digest pack.Digest, form pack.Format) (body io.ReadCloser, _ pack.Digest, size int64, err error) {
	a := &archive{c: c, ctx: ctx, want: digest, size: -1, query: in(v), follow: true}
	ref := digest
	if digest == "" {
		ref = v.Digest
		a.query.Set("format", string(form))
	}
	a.path = packPath(v.Name, "versions", segment(string(ref)), "archive")
	if err := a.open(); err != nil {
		return nil, "", 0, err
	}
	return a, a.want, a.size, nil
}

// in names the namespace of a version.
func in(v *pack.Version) url.Values { return url.Values{"namespace": {v.Namespace}} }

// Files lists the files of a version, by path.
func (c *Client) Files(ctx context.Context, v *pack.Version) ([]pack.File, error) {
	var list struct {
		Files []pack.File `json:"files"`
	}
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: packPath(v.Name, "versions", segment(string(v.Digest)), "files"), query: in(v)}, &list)
	return list.Files, err
}

// File opens one file of a version. Whoever reads it to its end has read what the server says it is: anything else is an error of
// the last Read. It goes on where a connection broke.
func (c *Client) File(ctx context.Context, v *pack.Version, path string) (io.ReadCloser, error) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = segment(p)
	}
	a := &archive{c: c, ctx: ctx, size: -1, query: in(v), path: packPath(v.Name, "versions", segment(string(v.Digest)), "files", strings.Join(parts, "/"))}
	if err := a.open(); err != nil {
		return nil, err
	}
	return a, nil
}
