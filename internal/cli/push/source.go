package push

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/bundle"
)

// opened is an archive on its way to the server.
type opened struct {
	file *os.File
	size int64  // bytes
	temp string // to be removed at the end; "" is none
}

// open opens the archive of a source; of a directory it makes one.
func open(ctx context.Context, source string, limits archive.Limits) (*opened, error) {
	info, err := os.Stat(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, pack.Errorf(pack.KindInvalid, "", "there is no file or directory %s", source)
	case err != nil:
		return nil, unreadable(source, err)
	case info.IsDir():
		return archiveOf(ctx, source, limits)
	case !info.Mode().IsRegular():
		return nil, pack.Errorf(pack.KindInvalid, "", "%s is neither a directory nor a file", source)
	}
	f, err := os.Open(source)
	if err != nil {
		return nil, unreadable(source, err)
	}
	return &opened{file: f, size: info.Size()}, nil
}

// archiveOf makes the archive of a directory as a temporary file.
func archiveOf(ctx context.Context, dir string, limits archive.Limits) (_ *opened, err error) {
	f, err := os.CreateTemp("", "spectro-push-*.zip")
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "a temporary archive cannot be made: %s", err)
	}
	a := &opened{file: f}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	// Where an open file can be removed, not even a kill leaves it behind. Windows cannot.
	if os.Remove(f.Name()) != nil {
		a.temp = f.Name()
	}
	err = bundle.Write(ctx, f, dir, limits)
	var known *pack.Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &known):
		return nil, err
	default:
		return nil, pack.Wrap(pack.KindInternal, err, "the archive of %s cannot be written: %s", dir, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(f.Name(), err)
	}
	a.size = info.Size()
	return a, nil
}

// close closes the archive, and removes it if it was made.
func (a *opened) close() {
	// It was only read since it was written; there is nothing to lose.
	_ = a.file.Close()
	if a.temp != "" {
		_ = os.Remove(a.temp)
	}
}

func unreadable(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return pack.Wrap(pack.KindInvalid, err, "%s cannot be read: %s", path, err)
}
