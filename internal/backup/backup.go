// Package backup keeps backups of a registry in a folder and restores them, into a registry on any back ends:
//
//	<root>/pack-registry-backups.json               says what the folder is; locked while somebody writes
//	<root>/backups/20261122T100000Z/manifest.json   what a backup holds, with the SHA-256 of
//	<root>/backups/20261122T100000Z/catalogue.jsonl.gz  the catalogue at that instant, JSON Lines
//	<root>/blobs/sha256/ab/abcd...                  the blobs of all backups, as in the local store
//	<root>/tmp/                                     what is being written
//
// A backup is there when its folder is, by one rename, after all that it names is on the disk. So a process that is
// killed at any moment leaves the backups before it whole, and what it has copied is not copied again.
package backup

import (
	"context"
	"errors"
	"syscall"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Catalogue is what is needed of the catalogue.
type Catalogue interface {
	db.Porter
	SchemaVersion(ctx context.Context) (applied, known int, err error)
	Lease(ctx context.Context, digests []pack.Digest, ttl time.Duration) (db.LeaseID, error)
	Extend(ctx context.Context, id db.LeaseID, digests []pack.Digest, ttl time.Duration) error
	Release(ctx context.Context, id db.LeaseID) error
}

// Registry is what is backed up, or restored.
type Registry struct {
	Catalogue Catalogue
	Store     storage.Store
}

// copiers is how many blobs are on their way at once.
const copiers = 4

// blob is a blob that an export names.
type blob struct {
	digest pack.Digest
	size   int64
}

// damaged is the error for what is in the folder and not as it should be.
func damaged(err error, format string, args ...any) error {
	return pack.Wrap(pack.KindCorrupt, err, format, args...)
}

// diskError gives an error about the folder its kind. One that has a kind stays as it is.
func diskError(err error) error {
	var known *pack.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return pack.Wrap(pack.KindNoSpace, err, "the disk of the backups is full")
	}
	return pack.Wrap(pack.KindInternal, err, "the folder of the backups cannot be used")
}
