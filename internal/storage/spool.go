package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"

	"packregistry/internal/pack"
)

// Spool is a temporary file that is hashed while it is written. It keeps an
// upload off the heap until it has been checked. Its file has no meaningful
// name and is removed by Close, or by the store's Tidy after a crash.
type Spool struct {
	dir  string
	f    *os.File // nil: all of it is in mem
	mem  []byte
	size int64
	hash hash.Hash

	once sync.Once
}

// SpoolPattern is the name pattern of spool files in the spool directory.
const SpoolPattern = "spool-*"

// NewSpool makes an empty spool in dir, which must exist.
func NewSpool(dir string) (*Spool, error) {
	f, err := os.CreateTemp(dir, SpoolPattern)
	if err != nil {
		return nil, DiskError(err)
	}
	return &Spool{f: f, hash: sha256.New()}, nil
}

// spoolMemory is what a lazy spool holds before it makes its file: most packs are smaller, and
// making a file, linking and removing it costs more than all else that is done to their bytes.
const spoolMemory = 128 << 10

// NewLazySpool is NewSpool that makes its file when there is more than a little to hold.
func NewLazySpool(dir string) *Spool { return &Spool{dir: dir, hash: sha256.New()} }

// Write appends and hashes. A full disk gives KindNoSpace.
func (s *Spool) Write(p []byte) (int, error) {
	if s.f == nil {
		if len(s.mem)+len(p) <= spoolMemory {
			s.mem = append(s.mem, p...)
			s.hash.Write(p)
			s.size += int64(len(p))
			return len(p), nil
		}
		f, err := os.CreateTemp(s.dir, SpoolPattern)
		if err == nil {
			s.f = f
			_, err = f.Write(s.mem)
			s.mem = nil
		}
		if err != nil {
			return 0, DiskError(err)
		}
	}
	n, err := s.f.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	if err != nil {
		return n, DiskError(err)
	}
	return n, nil
}

// ReadAt reads what was written.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if s.f != nil {
		return s.f.ReadAt(p, off)
	}
	return bytes.NewReader(s.mem).ReadAt(p, off)
}

// Size is the number of bytes written.
func (s *Spool) Size() int64 { return s.size }

// Digest is the SHA-256 of the bytes written so far.
func (s *Spool) Digest() pack.Digest { return pack.NewDigest(s.hash.Sum(nil)) }

// Path is the file's name, for a store that can link it; "" when there is no file.
func (s *Spool) Path() string {
	if s.f == nil {
		return ""
	}
	return s.f.Name()
}

// Close removes the file. It may be called more than once.
func (s *Spool) Close() error {
	var err error
	s.once.Do(func() {
		if s.f == nil {
			return
		}
		err = s.f.Close()
		// A store may have moved the file away, or a sweep of old files taken it.
		if rerr := os.Remove(s.f.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		err = DiskError(err)
	})
	return err
}

// Fill copies r into the spool and stops with KindTooLarge after limit bytes;
// limit < 0 means none. Errors of r come back as they are.
func (s *Spool) Fill(r io.Reader, limit int64) error {
	if limit < 0 || limit == math.MaxInt64 {
		_, err := io.Copy(s, r)
		return err
	}
	n, err := io.Copy(s, io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if n > limit {
		return &pack.Error{
			Kind: pack.KindTooLarge, Code: "archive_too_large", Limit: limit,
			Message: "the archive is larger than this server accepts",
		}
	}
	return nil
}
