package registry

import (
	"context"
	"crypto/sha256"
	"io"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/storage"
)

// blob is bytes to be put. One without src must be there already.
type blob struct {
	digest pack.Digest
	size   int64
	src    storage.Source
}

// forms are the two forms of an archive, and what of them is to be stored.
type forms struct {
	zip, tarGz blob // tarGz has no src when it is only described
	blobs      []blob
	files      []pack.File // with their places in the zip
	spool      *storage.Spool
}

// close removes the spool of a zip that was made.
func (f *forms) close() {
	if f.spool != nil {
		f.spool.Close()
	}
}

// prepare makes the other form of an archive: from a tar.gz a zip, written once
// and kept; of a zip only the digest and size of the tar.gz that archive.Layer
// gives for ever.
func (r *Registry) prepare(ctx context.Context, spool *storage.Spool, report *check.Report) (*forms, error) {
	uploaded := blob{digest: spool.Digest(), size: spool.Size(), src: spool}
	if report.Format == pack.FormatTarGz {
		return r.makeZip(ctx, uploaded, report)
	}
	tarGz, err := describeLayer(ctx, spool, report)
	if err != nil {
		return nil, err
	}
	return &forms{zip: uploaded, tarGz: tarGz, blobs: []blob{uploaded}, files: report.Files}, nil
}

func describeLayer(ctx context.Context, zip io.ReaderAt, report *check.Report) (blob, error) {
	m := report.Metadata
	layer := archive.NewLayer(report.Files, folder(m.Name, m.Version))
	stream, err := layer.Open(ctx, 0, -1, func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(zip, offset, length)), nil
	})
	if err != nil {
		return blob{}, err
	}
	defer stream.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, stream)
	if err != nil {
		return blob{}, err
	}
	if n != layer.Size() {
		return blob{}, pack.Errorf(pack.KindInternal, "", "the tar.gz form has %d bytes, not the %d expected", n, layer.Size())
	}
	return blob{digest: pack.NewDigest(hash.Sum(nil)), size: n}, nil
}

func (r *Registry) makeZip(ctx context.Context, uploaded blob, report *check.Report) (_ *forms, err error) {
	spool := storage.NewLazySpool(r.cfg.SpoolDir)
	defer func() {
		if err != nil {
			spool.Close()
		}
	}()
	entries, err := archive.ToZip(ctx, uploaded.src, uploaded.size, r.cfg.Checker.Limits(), spool)
	if err != nil {
		return nil, err
	}
	files, err := places(report, entries)
	if err != nil {
		return nil, err
	}
	zip := blob{digest: spool.Digest(), size: spool.Size(), src: spool}
	return &forms{zip: zip, tarGz: uploaded, blobs: []blob{zip, uploaded}, files: files, spool: spool}, nil
}

// places gives the files of a tar.gz their places in the zip made of it.
func places(report *check.Report, entries []archive.Entry) ([]pack.File, error) {
	byPath := make(map[string]*archive.Entry, len(entries))
	for i := range entries {
		byPath[entries[i].Path] = &entries[i]
	}
	prefix := ""
	if report.Root != "" {
		prefix = report.Root + "/"
	}
	files := make([]pack.File, len(report.Files))
	for i, f := range report.Files {
		e, ok := byPath[prefix+f.Path]
		if !ok || e.Size != f.Size {
			return nil, pack.Errorf(pack.KindInternal, "", "the zip made of the upload does not hold %s as it was", f.Path)
		}
		f.Offset, f.Compressed, f.Method, f.CRC32 = e.Offset, e.Compressed, e.Method, e.CRC32
		files[i] = f
	}
	return files, nil
}

// folder is the single top folder of the tar.gz form, and the stem of both
// archives' file names (palette-contract 3.2).
func folder(name, version string) string { return name + "-" + version }
