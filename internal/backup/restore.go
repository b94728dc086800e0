package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// RestoreOptions are what a restore needs besides the registry.
type RestoreOptions struct {
	Root string // only read
	// Name is that of a backup; "" is the newest.
	Name string
	// DryRun checks everything and writes nothing. A registry that is not empty is then no error: so backups
	// can be checked from the registry they are of.
	DryRun bool
}

// RestoreReport says what was restored, or would be.
type RestoreReport struct {
	Manifest
	DryRun bool `json:"dryRun"`
	// Refused is why a dry run would be refused if it were none.
	Refused string `json:"refused,omitempty"`
}

// Restore fills an empty registry from a backup. Before it writes anything it checks the backup to the last byte.
// Then it puts the blobs, and then the catalogue in one transaction: killed before that, it leaves an empty registry, and is run again.
func Restore(ctx context.Context, r Registry, o RestoreOptions) (*RestoreReport, error) {
	unlock, err := lock(o.Root, true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m, err := choose(o.Root, o.Name)
	if err != nil {
		return nil, err
	}
	_, known, err := r.Catalogue.SchemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	if m.Schema > known {
		return nil, pack.Errorf(pack.KindInvalid, "export_invalid",
			"the backup %s was made by %s with schema %d, and this release knows only up to %d: restore it with that release or a newer one", m.Name, m.Program, m.Schema, known)
	}
	report := &RestoreReport{Manifest: *m, DryRun: o.DryRun}
	if err := r.Catalogue.Vacant(ctx); pack.IsKind(err, pack.KindConflict) && o.DryRun {
		report.Refused = err.Error()
	} else if err != nil {
		return nil, err
	}
	c, err := m.read(o.Root, nowhere{})
	if err != nil {
		return nil, err
	}
	if err := checkBlobs(ctx, o.Root, m.Name, c.blobs); err != nil {
		return nil, err
	}
	if o.DryRun {
		return report, nil
	}
	held, end, err := hold(ctx, r.Catalogue, c.blobs)
	if err != nil {
		return nil, err
	}
	defer end()
	err = each(held, c.blobs, func(ctx context.Context, b blob) error { return putBlob(ctx, o.Root, r.Store, b.digest) })
	if err == nil {
		// It looks at the leases itself, and from then on locks the blobs: also against their renewal.
		err = r.Catalogue.Import(ctx, func(to db.ExportSink) error {
			_, err := m.read(o.Root, to)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, lost(held))
	}
	return report, nil
}

// each calls fn for all blobs, some at once, until one fails.
func each(ctx context.Context, blobs []blob, fn func(context.Context, blob) error) error {
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for _, b := range blobs {
		if group.Err() != nil {
			break
		}
		g.Go(func() error { return fn(group, b) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	return nil
}

func blobPath(root string, d pack.Digest) string {
	return filepath.Join(root, filepath.FromSlash(storage.Key(d)))
}

// checkBlobs reads all blobs of a backup, and names all that are not right.
func checkBlobs(ctx context.Context, root, name string, blobs []blob) error {
	var mu sync.Mutex
	var bad []string
	err := each(ctx, blobs, func(ctx context.Context, b blob) error {
		wrong, err := checkBlob(ctx, root, b.digest)
		if wrong != "" {
			mu.Lock()
			defer mu.Unlock()
			bad = append(bad, fmt.Sprintf("%s (%s)", b.digest, wrong))
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return damaged(nil, "the backup %s is damaged: of its %d blobs %d are not right: %s; nothing was restored", name, len(blobs), len(bad), someOf(bad))
	}
	return nil
}

// checkBlob says what is wrong with a blob, "" when nothing is.
func checkBlob(ctx context.Context, root string, d pack.Digest) (wrong string, err error) {
	if err := ctx.Err(); err != nil {
		return "", storage.Cancelled(err)
	}
	f, err := openFile(blobPath(root, d))
	if errors.Is(err, fs.ErrNotExist) {
		return "missing", nil
	}
	if errors.Is(err, errNoFile) {
		return "is no regular file", nil
	}
	if err != nil {
		return "", diskError(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "cannot be read: " + err.Error(), nil
	}
	if got := pack.NewDigest(sum.Sum(nil)); got != d {
		return "its content does not match", nil
	}
	return "", nil
}

// source is a blob's file. It has no Path, so that no store links it: the registry must not share files with its backup.
type source struct {
	io.ReaderAt
	size int64
}

func (s source) Size() int64 { return s.size }

// putBlob puts a blob into the registry's store. One that is there already, of a restore that was killed or from before the
// database was lost, is read: what is wrong gives way.
func putBlob(ctx context.Context, root string, to storage.Store, d pack.Digest) error {
	switch there, err := to.Open(ctx, d, 0, -1); {
	case err == nil:
		_, err = io.Copy(io.Discard, there)
		there.Close()
		if err == nil {
			return nil
		}
		if !pack.IsKind(err, pack.KindCorrupt) {
			return err
		}
		if err := to.Delete(ctx, d); err != nil {
			return err
		}
	case !pack.IsKind(err, pack.KindNotFound):
		return err
	}
	f, err := openFile(blobPath(root, d))
	if err != nil {
		return diskError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return diskError(err)
	}
	return to.Put(ctx, d, source{f, info.Size()})
}
