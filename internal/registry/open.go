package registry

import (
	"context"
	"io"
	"path"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/storage"
)

// Archive gives a version in one of its two forms, byte for byte the same for
// ever. Nothing is opened before Content.Open.
func (r *Registry) Archive(_ context.Context, v *pack.Version, f pack.Format) (*Content, error) {
	c := &Content{
		Name: folder(v.Name, v.Version) + "." + string(f), Digest: v.Digest, Size: v.Size,
		ModTime: v.PushedAt, MediaType: f.MediaType(),
	}
	switch {
	case f == pack.FormatZip:
		r.serveBlob(c, v)
	case f != pack.FormatTarGz:
		return nil, pack.Errorf(pack.KindInvalid, "format_invalid", "an archive is had as zip or tar.gz, not as %q", string(f))
	case v.TarGzStored:
		c.Digest, c.Size = v.TarGzDigest, v.TarGzSize
		r.serveBlob(c, v)
	default:
		c.Digest, c.Size = v.TarGzDigest, v.TarGzSize
		c.Open = func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return r.openLayer(ctx, v, offset, length)
		}
	}
	return c, nil
}

// serveBlob serves content of a version that is one blob.
func (r *Registry) serveBlob(c *Content, v *pack.Version) {
	d, size := c.Digest, c.Size
	c.Open = func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		if err := checkRange(offset, size); err != nil {
			return nil, err
		}
		return r.openBlob(ctx, v, d, offset, length)
	}
	if r.cfg.Linker == nil {
		return
	}
	c.Link = func(ctx context.Context, mediaType, disposition string) (string, error) {
		address, err := r.cfg.Linker.Link(ctx, d, storage.LinkOptions{Size: size, MediaType: mediaType, Disposition: disposition})
		return address, r.lost(ctx, v, d, err)
	}
}

// openLayer frames the zip's entries as a tar.gz, without inflating them.
func (r *Registry) openLayer(ctx context.Context, v *pack.Version, offset, length int64) (io.ReadCloser, error) {
	if err := checkRange(offset, v.TarGzSize); err != nil {
		return nil, err
	}
	files, err := r.Files(ctx, v)
	if err != nil {
		return nil, err
	}
	layer := archive.NewLayer(files, folder(v.Name, v.Version))
	stream, err := layer.Open(ctx, offset, length, func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		return r.openBlob(ctx, v, v.Digest, offset, length)
	})
	if err != nil || offset > 0 || (length >= 0 && length < v.TarGzSize) {
		return stream, err
	}
	// Parts of the zip are read, which no store verifies: the whole is verified here.
	return storage.VerifyReader(stream, v.TarGzDigest, v.TarGzSize), nil
}

// Files lists the files of a version by path, in byte order. KindNotFound when the
// version was deleted after it was resolved.
func (r *Registry) Files(ctx context.Context, v *pack.Version) ([]pack.File, error) {
	files, err := r.cfg.DB.Files(ctx, v.RevisionID)
	if err != nil || len(files) > 0 {
		return files, err
	}
	// There is no pack without files: the revision is gone. The same bytes may have come back since.
	now, err := r.cfg.DB.Resolve(ctx, v.Namespace, v.Name, pack.Reference{Digest: v.Digest})
	if err != nil {
		return nil, err
	}
	return r.cfg.DB.Files(ctx, now.RevisionID)
}

// File gives one file of a version, read from the zip with one range request.
// KindNotFound, code file_not_found.
func (r *Registry) File(ctx context.Context, v *pack.Version, name string) (*Content, error) {
	f, err := r.cfg.DB.File(ctx, v.RevisionID, name)
	if err != nil {
		return nil, err
	}
	return r.fileContent(v, f), nil
}

// FileBySHA256 gives any file of any kept version of a pack by the SHA-256 of its
// bytes, in hex (palette-contract 1.7: logos).
func (r *Registry) FileBySHA256(ctx context.Context, namespace, name, sha256 string) (*Content, error) {
	if err := checkPack(namespace, name); err != nil {
		return nil, err
	}
	if _, err := pack.ParseDigest("sha256:" + sha256); err != nil {
		return nil, err
	}
	v, f, err := r.cfg.DB.FileBySHA256(ctx, namespace, name, sha256)
	if err != nil {
		return nil, err
	}
	return r.fileContent(v, f), nil
}

func (r *Registry) fileContent(v *pack.Version, f *pack.File) *Content {
	return &Content{
		Name: path.Base(f.Path), Digest: pack.Digest("sha256:" + f.SHA256), Size: f.Size, ModTime: v.PushedAt,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return r.openFile(ctx, v, f, offset, length)
		},
	}
}

func (r *Registry) openFile(ctx context.Context, v *pack.Version, f *pack.File, offset, length int64) (io.ReadCloser, error) {
	if err := checkRange(offset, f.Size); err != nil {
		return nil, err
	}
	raw := io.NopCloser(io.Reader(strings.NewReader("")))
	if f.Compressed > 0 {
		var err error
		if raw, err = r.openBlob(ctx, v, v.Digest, f.Offset, f.Compressed); err != nil {
			return nil, err
		}
	}
	stream := archive.FileReader(*f, raw) // closes raw too
	if offset > 0 {
		if _, err := io.CopyN(io.Discard, stream, offset); err != nil {
			stream.Close()
			return nil, err
		}
	}
	if length < 0 || length >= f.Size-offset {
		return stream, nil // to the end, where size and CRC are checked
	}
	return &part{Reader: io.LimitReader(stream, length), Closer: stream}, nil
}

// part is the beginning of a stream.
type part struct {
	io.Reader
	io.Closer
}

func checkRange(offset, size int64) error {
	if offset < 0 || offset > size {
		return pack.Errorf(pack.KindInvalid, "range_invalid", "the range starts outside the content of %d bytes", size)
	}
	return nil
}

// openBlob opens a blob of a version, at a place that the blob has by what is known of it.
func (r *Registry) openBlob(ctx context.Context, v *pack.Version, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	stream, err := r.cfg.Store.Open(ctx, d, offset, length)
	if pack.IsKind(err, pack.KindInvalid) {
		return nil, pack.Wrap(pack.KindCorrupt, err, "the server has lost bytes of this version; tell its administrator")
	}
	return stream, r.lost(ctx, v, d, err)
}

// lost says what it means that the store has no blob of a version. One that was deleted and swept after
// it was resolved is KindNotFound; a blob that is missing though the version is
// there is KindCorrupt, never a plain "not found". Other errors stay as they are.
func (r *Registry) lost(ctx context.Context, v *pack.Version, d pack.Digest, err error) error {
	if !pack.IsKind(err, pack.KindNotFound) {
		return err
	}
	_, gone := r.cfg.DB.Resolve(ctx, v.Namespace, v.Name, pack.Reference{Digest: v.Digest})
	if gone != nil {
		return gone
	}
	r.cfg.Log.ErrorContext(ctx, "a published blob is missing from the store", "digest", string(d),
		"namespace", v.Namespace, "name", v.Name, "version", v.Version)
	return pack.Wrap(pack.KindCorrupt, err, "the server has lost the bytes of this version; tell its administrator")
}
