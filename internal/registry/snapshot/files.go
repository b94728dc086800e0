package snapshot

import (
	"errors"
	"io"
	"os"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// file is written at its end only, and nameless: when nothing refers to it any more it is gone.
type file struct {
	f    *os.File
	size int64
}

// files are those of a book: pieces of DEFLATE streams, and Zstandard frames.
type files struct{ deflate, zstd *file }

func newFiles(dir string) (*files, error) {
	d, err := newFile(dir)
	if err != nil {
		return nil, err
	}
	z, err := newFile(dir)
	if err != nil {
		return nil, errors.Join(err, d.f.Close())
	}
	return &files{d, z}, nil
}

func newFile(dir string) (*file, error) {
	f, err := storage.NewNameless(dir)
	if err != nil {
		return nil, err
	}
	return &file{f: f}, nil
}

// put appends bytes and tells where they are.
func (f *file) put(b []byte) (place, error) {
	if _, err := f.f.WriteAt(b, f.size); err != nil {
		return place{}, storage.DiskError(err)
	}
	p := place{f, f.size, int64(len(b))}
	f.size += int64(len(b))
	return p, nil
}

// place is a part of a file.
type place struct {
	file           *file
	offset, length int64
}

func (p place) read(b []byte) ([]byte, error) {
	b = append(b[:0], make([]byte, p.length)...)
	if _, err := p.file.f.ReadAt(b, p.offset); err != nil {
		return nil, lost(err)
	}
	return b, nil
}

// writeTo sends the part, by the kernel where it can be.
func (p place) writeTo(w io.Writer) (int64, error) {
	var r io.Reader = io.NewSectionReader(p.file.f, p.offset, p.length)
	if own, err := storage.Reopen(p.file.f); err == nil {
		defer own.Close()
		if _, err := own.Seek(p.offset, io.SeekStart); err != nil {
			return 0, lost(err)
		}
		r = own
	}
	n, err := io.Copy(w, &io.LimitedReader{R: r, N: p.length})
	if err == nil && n < p.length {
		err = lost(io.ErrUnexpectedEOF)
	}
	return n, err
}

func lost(err error) error {
	return pack.Wrap(pack.KindInternal, err, "the server cannot read what it has written")
}
