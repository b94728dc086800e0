// Package local keeps blobs in a directory:
//
//	<root>/blobs/sha256/ab/abcd...  the blobs, read-only files
//	<root>/tmp/                     uploads and blobs on their way in
//
// A blob appears by a rename, after its bytes are on the disk and before its
// directory is synced; Put returns after that. Several processes may use one
// directory. It needs a POSIX file system with atomic rename and fsync; where hard
// links are missing, uploads are copied instead.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Blobs are world-unreadable and read-only: they never change.
const (
	dirMode  = 0o750
	blobMode = 0o440
)

// Store keeps blobs below a root directory.
type Store struct {
	root string // absolute
	tmp  string
	now  func() time.Time

	trust storage.Trust[identity]
	files files
}

// New makes the directories of a store below root where they are missing, makes
// them durable, and checks that it may write there. The 256 directories of blobs
// are all made here: so no Put has to make one, and none can be acknowledged in a
// directory that another writer has made but not yet synced. The clock is for how long a
// blob that was hashed is trusted.
func New(root string, now func() time.Time) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, storage.DiskError(err)
	}
	s := &Store{root: abs, tmp: filepath.Join(abs, "tmp"), now: now}
	blobs := s.path(storage.Prefix)
	for _, dir := range []string{s.tmp, blobs} {
		if err := mkdirAll(dir); err != nil {
			return nil, fmt.Errorf("preparing the store in %s: %w", root, storage.DiskError(err))
		}
	}
	there, err := os.ReadDir(blobs)
	if err != nil {
		return nil, fmt.Errorf("preparing the store in %s: %w", root, storage.DiskError(err))
	}
	known := make(map[string]bool, len(there))
	for _, entry := range there {
		known[entry.Name()] = true
	}
	for i := range 256 {
		name := fmt.Sprintf("%02x", i)
		if known[name] {
			continue
		}
		if err := os.Mkdir(filepath.Join(blobs, name), dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("preparing the store in %s: %w", root, storage.DiskError(err))
		}
	}
	// Also when nothing was missing: another process may have made them just now.
	for dir := blobs; ; dir = filepath.Dir(dir) {
		if err := storage.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("preparing the store in %s: %w", root, storage.DiskError(err))
		}
		if dir == abs {
			break
		}
	}
	if err := s.Check(context.Background()); err != nil {
		return nil, fmt.Errorf("preparing the store in %s: %w", root, err)
	}
	return s, nil
}

// SpoolDir is a directory on the store's file system for uploads in flight: a
// source whose file lies there is linked, not copied.
func (s *Store) SpoolDir() string { return s.tmp }

// path is the place of a slash-separated key.
func (s *Store) path(key string) string { return filepath.Join(s.root, filepath.FromSlash(key)) }

// begin is what every method on one blob asks first.
func begin(ctx context.Context, d pack.Digest) error {
	if err := storage.CheckDigest(d); err != nil {
		return err
	}
	return alive(ctx)
}

func alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	return nil
}

// blobError gives an error about one blob's file its kind.
func blobError(d pack.Digest, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return storage.NotFound(d, err)
	}
	return storage.DiskError(err)
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, d pack.Digest) (storage.Info, error) {
	if err := begin(ctx, d); err != nil {
		return storage.Info{}, err
	}
	fi, err := os.Lstat(s.path(storage.Key(d)))
	if err != nil {
		return storage.Info{}, blobError(d, err)
	}
	if !fi.Mode().IsRegular() {
		return storage.Info{}, storage.NotFound(d, fmt.Errorf("%s is no regular file", fi.Name()))
	}
	return storage.Info{Digest: d, Size: fi.Size(), ModTime: fi.ModTime()}, nil
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, d pack.Digest) error {
	if err := begin(ctx, d); err != nil {
		return err
	}
	path := s.path(storage.Key(d))
	defer s.files.deleted()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storage.DiskError(err)
	}
	// Also when it was gone: whoever removed it may not have synced yet.
	if err := storage.SyncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storage.DiskError(err)
	}
	return nil
}

// Walk implements storage.Store.
func (s *Store) Walk(ctx context.Context, fn func(storage.Info) error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	shards, err := os.ReadDir(s.path(storage.Prefix))
	if err != nil {
		return storage.DiskError(err)
	}
	for _, shard := range shards {
		if !shard.IsDir() {
			continue
		}
		if err := s.walkShard(ctx, shard.Name(), fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) walkShard(ctx context.Context, shard string, fn func(storage.Info) error) error {
	files, err := os.ReadDir(filepath.Join(s.path(storage.Prefix), shard))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storage.DiskError(err)
	}
	for _, file := range files {
		if err := alive(ctx); err != nil {
			return err
		}
		d, ok := storage.ParseKey(storage.Prefix + shard + "/" + file.Name())
		if !ok || !file.Type().IsRegular() {
			continue
		}
		fi, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return storage.DiskError(err)
		}
		if err := fn(storage.Info{Digest: d, Size: fi.Size(), ModTime: fi.ModTime()}); err != nil {
			return err
		}
	}
	return alive(ctx)
}

// Check implements storage.Store: the directories are there and can be written.
// It does not notice a full disk, on which reading still works.
func (s *Store) Check(ctx context.Context) error {
	if err := alive(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(s.path(storage.Prefix)); err != nil {
		return storage.DiskError(err)
	}
	f, err := os.CreateTemp(s.tmp, putPattern)
	if err != nil {
		return storage.DiskError(err)
	}
	return storage.DiskError(errors.Join(f.Close(), os.Remove(f.Name())))
}

// Tidy implements storage.Store: it removes spools and unfinished puts.
func (s *Store) Tidy(ctx context.Context, before time.Time) (int, error) {
	if err := alive(ctx); err != nil {
		return 0, err
	}
	files, err := os.ReadDir(s.tmp)
	if err != nil {
		return 0, storage.DiskError(err)
	}
	n := 0
	for _, file := range files {
		if err := alive(ctx); err != nil {
			return n, err
		}
		if !ours(file.Name()) || !file.Type().IsRegular() {
			continue
		}
		fi, err := file.Info()
		if err != nil || !fi.ModTime().Before(before) {
			continue // gone, or in use
		}
		switch err := os.Remove(filepath.Join(s.tmp, file.Name())); {
		case err == nil:
			n++
		case !errors.Is(err, fs.ErrNotExist):
			return n, storage.DiskError(err)
		}
	}
	return n, nil
}

// ours tells whether a name in tmp was made by a spool or a put.
func ours(name string) bool {
	for _, pattern := range []string{storage.SpoolPattern, putPattern} {
		if strings.HasPrefix(name, strings.TrimSuffix(pattern, "*")) {
			return true
		}
	}
	return false
}

// Open implements storage.Store. A part can be sent without copying it through
// this process (io.WriterTo), and so can a whole blob that this process has hashed
// in the last storage.TrustFor and whose file has not been touched since; any other one is hashed on its way.
func (s *Store) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	if err := begin(ctx, d); err != nil {
		return nil, err
	}
	now := s.now()
	f, err := s.file(d, now)
	if err != nil {
		return nil, err
	}
	rc, err := s.stream(f, offset, length, now)
	if err != nil {
		f.Close()
		return nil, err
	}
	return rc, nil
}
