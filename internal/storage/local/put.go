package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// putPattern names the files of unfinished puts in tmp.
const putPattern = "put-*"

// Put implements storage.Store. A source with Path() on the same file system is
// linked into the store and hashed there; any other one is copied. Either way the
// bytes that become visible are the bytes that were hashed.
func (s *Store) Put(ctx context.Context, d pack.Digest, src storage.Source) error {
	if err := begin(ctx, d); err != nil {
		return err
	}
	final := s.path(storage.Key(d))
	if fi, err := os.Lstat(final); err == nil && fi.Mode().IsRegular() && fi.Size() == src.Size() {
		if err := storage.CopyVerified(ctx, io.Discard, d, src); err != nil {
			return err
		}
		err := syncBlob(final)
		if !errors.Is(err, fs.ErrNotExist) {
			return storage.DiskError(err)
		}
		// Deleted meanwhile: put it again.
	}
	staged, err := s.stage(ctx, d, src)
	if err != nil {
		return err
	}
	if err := s.publish(staged, final); err != nil {
		os.Remove(staged) // the put has failed already; Tidy takes what is left
		return storage.DiskError(err)
	}
	return nil
}

// stage brings the verified bytes, synced, under a name in tmp.
func (s *Store) stage(ctx context.Context, d pack.Digest, src storage.Source) (string, error) {
	f, linked, err := s.link(src)
	if err == nil && !linked {
		f, err = os.CreateTemp(s.tmp, putPattern)
	}
	if err != nil {
		return "", storage.DiskError(err)
	}
	defer f.Close()
	if linked {
		err = storage.CopyVerified(ctx, io.Discard, d, fileSource{f, src.Size()})
	} else {
		err = storage.CopyVerified(ctx, f, d, src)
	}
	if err == nil {
		err = storage.DiskError(finish(f))
	}
	if err != nil {
		os.Remove(f.Name()) // the put has failed already; Tidy takes what is left
		return "", err
	}
	return f.Name(), nil
}

func finish(f *os.File) error {
	if err := f.Chmod(blobMode); err != nil {
		return err
	}
	return f.Sync()
}

// link gives the source's own file another name in tmp and opens it under that,
// so that nobody can slip in another file. It is false where that cannot be: a
// source that is no file, on another file system, or one without hard links.
func (s *Store) link(src storage.Source) (*os.File, bool, error) {
	p, ok := src.(interface{ Path() string })
	if !ok || p.Path() == "" {
		return nil, false, nil
	}
	name := filepath.Join(s.tmp, strings.TrimSuffix(putPattern, "*")+fmt.Sprintf("%016x", rand.Uint64()))
	if err := os.Link(p.Path(), name); err != nil {
		return nil, false, nil //nolint:nilerr // copying is always right, and reports what is truly wrong
	}
	// A link to a symbolic link is one too; it must not become a blob.
	if fi, err := os.Lstat(name); err == nil && fi.Mode().IsRegular() && fi.Size() == src.Size() {
		f, err := os.Open(name)
		if err == nil {
			return f, true, nil
		}
	}
	return nil, false, os.Remove(name)
}

// publish renames the staged file to its place. A blob that somebody else has put
// there meanwhile has the same bytes, and one of another size is mended.
func (s *Store) publish(staged, final string) error {
	err := os.Rename(staged, final)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has removed the directory that New made.
		if err = mkdirAll(filepath.Dir(final)); err == nil {
			err = os.Rename(staged, final)
		}
	}
	if err != nil {
		return err
	}
	return storage.SyncDir(filepath.Dir(final))
}

// syncBlob makes a blob durable that another writer, or an admin's copy, has put
// there and perhaps not synced yet. It costs next to nothing when it is.
func syncBlob(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	return storage.SyncDir(filepath.Dir(path))
}

// fileSource reads a file through its descriptor.
type fileSource struct {
	*os.File
	size int64
}

func (f fileSource) Size() int64 { return f.size }
