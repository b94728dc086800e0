package backup

import (
	"context"
	"os"
	"path/filepath"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// prune removes the oldest backups beyond those to keep, and then the blobs that no kept one names. When one of the kept
// cannot be read, nobody knows what it names: then no blob goes.
func (j *job) prune(ctx context.Context) error {
	names, err := list(j.o.Root)
	if err != nil {
		return err
	}
	backups := filepath.Join(j.o.Root, backupsDir)
	for len(names) > j.o.Keep {
		// By one rename it is no backup any more, whatever happens to the rest.
		gone := filepath.Join(j.o.Root, tmpDir, dirPrefix+"removed-"+names[0])
		err := os.Rename(filepath.Join(backups, names[0]), gone)
		if err == nil {
			err = storage.SyncDir(backups)
		}
		if err == nil {
			err = os.RemoveAll(gone)
		}
		if err != nil {
			return diskError(err)
		}
		j.report.Removed = append(j.report.Removed, names[0])
		names = names[1:]
	}
	named := map[pack.Digest]bool{}
	for _, name := range names {
		m, err := readManifest(j.o.Root, name)
		if err != nil {
			return err
		}
		c, err := m.read(j.o.Root, nowhere{})
		if err != nil {
			return err
		}
		for _, b := range c.blobs {
			named[b.digest] = true
		}
	}
	return j.o.Blobs.Walk(ctx, func(b storage.Info) error {
		if named[b.Digest] {
			return nil
		}
		j.report.Freed++
		return j.o.Blobs.Delete(ctx, b.Digest)
	})
}
