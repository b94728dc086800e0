package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
	core "packregistry/internal/registry/oci"
)

// ManifestLimit is the largest manifest, in bytes (spec, Pushing Manifests: at least 4 MiB).
const ManifestLimit = 4 << 20

// Core is what the face asks; *core.Core is one.
type Core interface {
	Repositories(ctx context.Context, n int, last string) (names []string, more bool, err error)
	Tags(ctx context.Context, repo string, n int, last string) (tags []string, more bool, err error)
	Manifest(ctx context.Context, repo, ref string) (*core.Manifest, error)
	PutManifest(ctx context.Context, p core.Put) (*core.PutResult, error)
	DeleteManifest(ctx context.Context, repo, ref, by string) error
	Referrers(ctx context.Context, repo, digest, artifactType, last string) (list []core.Descriptor, more bool, err error)
	Blob(ctx context.Context, repo, digest string) (*core.Blob, error)
	DeleteBlob(ctx context.Context, repo, digest, by string) error
	Mount(ctx context.Context, repo, from, digest, by string) (bool, error)
	Start(ctx context.Context, repo, by string) (*core.Upload, error)
	PutBlob(ctx context.Context, repo, by, digest string, body io.Reader) error
	Append(ctx context.Context, repo, id, by string, offset int64, body io.Reader) (*core.Upload, error)
	Finish(ctx context.Context, repo, id, by, digest string, offset int64, body io.Reader) error
	Status(ctx context.Context, repo, id, by string) (*core.Upload, error)
	Cancel(ctx context.Context, repo, id, by string) error
}

var _ Core = (*core.Core)(nil)

// Face answers parsed requests.
type Face struct {
	Core Core
	// Prefix is the path that the server lives under, for Location and Link; "" is none.
	Prefix string
	// Content sends bytes with all of conditional requests and ranges, or tells where the store gives them out.
	Content func(w http.ResponseWriter, r *http.Request, c *registry.Content, immutable bool) error
}

// call is one request on its way.
type call struct {
	*Face
	w   http.ResponseWriter
	r   *http.Request
	req Request
	by  string
}

// Serve answers a request that may be answered. by is the caller's name. With an error nothing was written but headers.
func (f *Face) Serve(w http.ResponseWriter, r *http.Request, req Request, by string) error {
	c := &call{f, w, r, req, by}
	switch req.Op {
	case Ping:
		return c.json(http.StatusOK, "application/json", struct{}{})
	case Catalog:
		return c.catalog()
	case TagList:
		return c.tags()
	case Referrers:
		return c.referrers()
	case ManifestGet:
		return c.getManifest()
	case ManifestPut:
		return c.putManifest()
	case ManifestDelete:
		return c.done(http.StatusAccepted, c.Core.DeleteManifest(r.Context(), req.Repo, req.Reference, by))
	case BlobGet:
		return c.getBlob()
	case BlobDelete:
		return c.done(http.StatusAccepted, c.Core.DeleteBlob(r.Context(), req.Repo, req.Digest, by))
	case UploadStart:
		return c.start()
	case UploadAppend:
		return c.append()
	case UploadFinish:
		return c.finish()
	case UploadStatus:
		return c.status()
	case UploadCancel:
		return c.done(http.StatusNoContent, c.Core.Cancel(r.Context(), req.Repo, req.Upload, by))
	}
	return errors.New("the operation has no handler")
}

// done answers without a body.
func (c *call) done(status int, err error) error {
	if err != nil {
		return err
	}
	if status != http.StatusNoContent {
		c.w.Header().Set("Content-Length", "0")
	}
	c.w.WriteHeader(status)
	return nil
}

// json answers with v, encoded before the header goes out.
func (c *call) json(status int, mediaType string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", mediaType)
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		c.w.Write(append(text, '\n'))
	}
	return nil
}

// send gives content that its digest names. No browser may take it for a page of this server.
func (c *call) send(content *registry.Content, immutable bool) error {
	h := c.w.Header()
	h.Set("Content-Type", content.MediaType)
	h.Set("Docker-Content-Digest", string(content.Digest))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	err := c.Content(c.w, c.r, content, immutable)
	if err != nil {
		h.Del("Docker-Content-Digest")
	}
	return err
}

func (c *call) getBlob() error {
	b, err := c.Core.Blob(c.r.Context(), c.req.Repo, c.req.Digest)
	if err != nil {
		return err
	}
	return c.send(&registry.Content{
		Digest: pack.Digest(c.req.Digest), Size: b.Size, MediaType: "application/octet-stream", Open: b.Open, Link: b.Link,
	}, true)
}

func (c *call) getManifest() error {
	m, err := c.Core.Manifest(c.r.Context(), c.req.Repo, c.req.Reference)
	if err != nil {
		return err
	}
	open := func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		text := m.Bytes[offset:]
		if length >= 0 {
			text = text[:length]
		}
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	return c.send(&registry.Content{
		Digest: pack.Digest(m.Digest), Size: int64(len(m.Bytes)), MediaType: m.MediaType, Open: open,
	}, c.req.Reference == m.Digest)
}
