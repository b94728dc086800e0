package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"packregistry/internal/pack"
	core "packregistry/internal/registry/oci"
)

// fake is a core in memory: just enough of one to hold the face against. It knows SHA-256 only.
type fake struct {
	blobs     map[string][]byte // repo@digest
	manifests map[string]core.Put
	tags      map[string]string // repo:tag to digest
	uploads   map[string][]byte
	names     []string
	warnings  []string
	asked     []any // of the last list
}

func newFake() *fake {
	return &fake{blobs: map[string][]byte{}, manifests: map[string]core.Put{}, tags: map[string]string{}, uploads: map[string][]byte{}}
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func unknown(code string) error { return pack.Errorf(pack.KindNotFound, code, "not there") }

func (f *fake) Repositories(_ context.Context, n int, last string) ([]string, bool, error) {
	f.asked = []any{n, last}
	if n > 0 && n < len(f.names) {
		return f.names[:n], true, nil
	}
	return f.names, false, nil
}

func (f *fake) Tags(ctx context.Context, repo string, n int, last string) ([]string, bool, error) {
	if repo == "gone" {
		return nil, false, unknown("name_unknown")
	}
	return f.Repositories(ctx, n, last)
}

func (f *fake) Manifest(_ context.Context, repo, ref string) (*core.Manifest, error) {
	if d, ok := f.tags[repo+":"+ref]; ok {
		ref = d
	}
	m, ok := f.manifests[repo+"@"+ref]
	if !ok {
		return nil, unknown("manifest_unknown")
	}
	return &core.Manifest{Digest: ref, MediaType: m.MediaType, Bytes: m.Body}, nil
}

func (f *fake) PutManifest(_ context.Context, p core.Put) (*core.PutResult, error) {
	d := digestOf(p.Body)
	if p.Repo == "bad/pack" {
		return nil, pack.BadPack([]pack.Finding{{Rule: "values-missing", Severity: pack.SeverityError, Message: "there is no values.yaml"}})
	}
	f.manifests[p.Repo+"@"+d] = p
	for _, tag := range append(slices.Clone(p.Tags), p.Reference) {
		f.tags[p.Repo+":"+tag] = d
	}
	return &core.PutResult{Digest: d, Subject: d256, Warnings: f.warnings}, nil
}

func (f *fake) DeleteManifest(_ context.Context, repo, ref, _ string) error {
	if _, err := f.Manifest(context.Background(), repo, ref); err != nil {
		return err
	}
	delete(f.tags, repo+":"+ref)
	return nil
}

func (f *fake) Referrers(_ context.Context, _, digest, artifactType, last string) ([]core.Descriptor, bool, error) {
	f.asked = []any{digest, artifactType}
	if artifactType == "many" && last == "" {
		return []core.Descriptor{{Digest: digest}}, true, nil
	}
	return nil, false, nil
}

func (f *fake) Blob(_ context.Context, repo, digest string) (*core.Blob, error) {
	b, ok := f.blobs[repo+"@"+digest]
	if !ok {
		return nil, unknown("blob_unknown")
	}
	return &core.Blob{Digest: digest, Size: int64(len(b)), Open: func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		b := b[offset:]
		if length >= 0 {
			b = b[:length]
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}}, nil
}

func (f *fake) DeleteBlob(_ context.Context, repo, digest, _ string) error {
	delete(f.blobs, repo+"@"+digest)
	return nil
}

func (f *fake) Mount(_ context.Context, repo, from, digest, _ string) (bool, error) {
	b, ok := f.blobs[from+"@"+digest]
	if ok {
		f.blobs[repo+"@"+digest] = b
	}
	return ok, nil
}

func (f *fake) Start(context.Context, string, string) (*core.Upload, error) {
	f.uploads["u1"] = nil
	return &core.Upload{ID: "u1"}, nil
}

func (f *fake) PutBlob(_ context.Context, repo, _, digest string, body io.Reader) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if digestOf(b) != digest {
		return pack.Errorf(pack.KindInvalid, "digest_invalid", "other bytes")
	}
	f.blobs[repo+"@"+digest] = b
	return nil
}

func (f *fake) Append(_ context.Context, _, id, _ string, offset int64, body io.Reader) (*core.Upload, error) {
	have, ok := f.uploads[id]
	if !ok {
		return nil, unknown("blob_upload_unknown")
	}
	if offset >= 0 && offset != int64(len(have)) {
		return nil, pack.Errorf(pack.KindConflict, "range_invalid", "the upload stands elsewhere")
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "wrapped")
	}
	f.uploads[id] = append(have, b...)
	return &core.Upload{ID: id, Offset: int64(len(f.uploads[id]))}, nil
}

func (f *fake) Finish(ctx context.Context, repo, id, by, digest string, offset int64, body io.Reader) error {
	if _, err := f.Append(ctx, repo, id, by, offset, body); err != nil {
		return err
	}
	return f.PutBlob(ctx, repo, by, digest, bytes.NewReader(f.uploads[id]))
}

func (f *fake) Status(_ context.Context, _, id, _ string) (*core.Upload, error) {
	b, ok := f.uploads[id]
	if !ok {
		return nil, unknown("blob_upload_unknown")
	}
	return &core.Upload{ID: id, Offset: int64(len(b))}, nil
}

func (f *fake) Cancel(_ context.Context, _, id, _ string) error {
	delete(f.uploads, id)
	return nil
}
