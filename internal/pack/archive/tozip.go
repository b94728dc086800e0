package archive

import (
	"archive/zip"
	"context"
	"io"
	"io/fs"
	"time"

	"packregistry/internal/pack"
)

// The years a zip can tell, and the time for entries outside of them.
const (
	zipFirst = 315532800  // 1980-01-01T00:00:00Z
	zipLast  = 4354819199 // 2107-12-31T23:59:59Z
)

// ToZip reads a tar.gz as Walk does and writes a zip with the same paths, in the
// same order, to w. It returns the entries with their places in that zip. When it
// fails, what w has been given must be thrown away; an error of w is returned as
// it is. Modification times are those of the tar; modes become 0644 and 0755.
//
// The zip is for keeping: another version of Go may compress differently.
func ToZip(ctx context.Context, src io.ReaderAt, size int64, lim Limits, w io.Writer) ([]Entry, error) {
	if format, ok := Detect(src, size); !ok || format != pack.FormatTarGz {
		return nil, pack.Errorf(pack.KindUnsupported, "", "this is not a tar.gz")
	}
	out := &countingWriter{w: w}
	zw := zip.NewWriter(out)
	var entries []Entry
	var headers []*zip.FileHeader // zip.Writer fills them when the next entry begins
	_, err := Walk(ctx, src, size, lim, func(e *Entry, body io.Reader) error {
		h := zipHeader(e)
		fw, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if err := zw.Flush(); err != nil {
			return err
		}
		placed := *e
		placed.Offset, placed.Method = out.n, h.Method
		entries, headers = append(entries, placed), append(headers, h)
		if e.Dir {
			return nil
		}
		_, err = io.Copy(fw, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	for i, h := range headers {
		entries[i].Compressed, entries[i].CRC32 = int64(h.CompressedSize64), h.CRC32
	}
	return entries, nil
}

// zipHeader is the header of a tar entry's twin.
func zipHeader(e *Entry) *zip.FileHeader {
	h := &zip.FileHeader{Name: e.Path, Method: zip.Deflate}
	mode := fs.FileMode(0o644)
	switch {
	case e.Dir:
		h.Name += "/"
		h.Method = zip.Store
		mode = fs.ModeDir | 0o755
	case e.Size == 0:
		h.Method = zip.Store
	}
	if e.Executable {
		mode = 0o755
	}
	h.SetMode(mode)
	seconds := e.modified
	if seconds < zipFirst || seconds > zipLast {
		seconds = zipFirst
	}
	h.Modified = time.Unix(seconds, 0).UTC()
	return h
}

// countingWriter counts what goes through.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
