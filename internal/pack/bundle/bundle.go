// Package bundle makes the archive of a pack directory.
//
// The same files give the same bytes: paths in byte order, one fixed time, mode 0755 for what has an execute bit
// and 0644 for the rest, no entries for directories. Only compress/flate may write other bytes in another
// version of Go (and Windows knows no execute bits), so archives made by different programs are compared by their
// content digest, which depends on paths and contents alone.
//
// What an archive leaves out: what .packignore at the root names (the syntax of .dockerignore), that file
// itself, and litter, see Litter. A symbolic link is stored as what it points to if that lies inside the
// directory; a link that leads outside is refused, and so are devices, pipes and sockets.
package bundle

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
)

// packJSON is the file that makes a directory a pack.
const packJSON = "pack.json"

// Write writes the zip of a pack directory to w, with pack.json at its root. It holds no file in memory.
// When it fails, what w has been given must be thrown away.
//
// A directory that can be no pack is pack.KindBadPack with findings; one that cannot be read, or that changes
// meanwhile, is pack.KindInvalid. An error of w is returned as it is.
func Write(ctx context.Context, w io.Writer, dir string, limits archive.Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return pack.Wrap(pack.KindInvalid, err, "the directory %s cannot be read: %s", dir, reason(err))
	}
	defer root.Close()
	ignored, err := readIgnore(root)
	if err != nil {
		return err
	}
	l := &lister{ctx: ctx, root: root, ignored: ignored, limits: limits}
	files, err := l.list()
	if err != nil {
		return err
	}
	if err := needsPackJSON(root, files); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, f := range files {
		if err := add(ctx, z, root, f); err != nil {
			return err
		}
	}
	return z.Close()
}

// written is the time of all entries: a zip tells no earlier year, and in any time zone it is still 1980.
func written() time.Time { return time.Date(1980, time.February, 1, 0, 0, 0, 0, time.UTC) }

// add writes one file.
func add(ctx context.Context, z *zip.Writer, root *os.Root, f file) error {
	src, err := root.Open(filepath.FromSlash(f.path))
	if err != nil {
		return unreadable(f.path, err)
	}
	defer src.Close()
	if err := f.unchanged(src); err != nil {
		return err
	}
	h := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: written()}
	h.SetMode(0o644)
	if f.executable {
		h.SetMode(0o755)
	}
	dst, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	// One byte more than there should be, to see that the file has grown.
	in := &reader{ctx: ctx, src: io.LimitReader(src, f.size+1)}
	n, err := io.Copy(dst, in)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case in.err != nil:
		return unreadable(f.path, in.err)
	case err != nil:
		return err
	case n != f.size:
		return changed(f.path)
	}
	return f.unchanged(src)
}

// reader ends with the context and remembers its own error, to tell it from the writer's.
type reader struct {
	ctx context.Context
	src io.Reader
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.src.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// unchanged compares an open file with what was listed.
func (f *file) unchanged(open *os.File) error {
	now, err := open.Stat()
	if err != nil {
		return unreadable(f.path, err)
	}
	if !now.Mode().IsRegular() || now.Size() != f.size || !now.ModTime().Equal(f.modified) {
		return changed(f.path)
	}
	return nil
}

func changed(path string) error {
	return pack.Errorf(pack.KindInvalid, "", "the file %s changed while it was being packed; try again when nothing writes to it", path)
}

func unreadable(path string, err error) error {
	return pack.Wrap(pack.KindInvalid, err, "%s cannot be read: %s", path, reason(err))
}

// reason is an error without the path and the call, which the message has already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return err.Error()
}
