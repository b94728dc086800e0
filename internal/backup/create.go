package backup

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Options are what a backup needs besides the registry.
type Options struct {
	// Root is a folder that Prepare has prepared. Blobs is the local store below it, and Spool its directory for files on their way in.
	Root  string
	Blobs storage.Store
	Spool string
	// Keep is how many backups are to be left when this one is made; 0 keeps all.
	Keep    int
	Program string
	Now     func() time.Time
}

// Report says what a backup holds and what it took.
type Report struct {
	Manifest
	Copied      int      `json:"copied"` // blobs that no backup before it had
	CopiedBytes int64    `json:"copiedBytes"`
	Removed     []string `json:"removed"` // older backups
	Freed       int      `json:"freedBlobs"`
	// Warnings are about older backups. The one just made is whole.
	Warnings []string `json:"warnings"`
}

// Create makes a backup of the registry as of one instant, while it is used. The blobs it names are kept from the sweep
// until they are copied. With an error nothing has changed but that blobs are there for the next try.
func Create(ctx context.Context, r Registry, o Options) (*Report, error) {
	unlock, err := lock(o.Root, false)
	if err != nil {
		return nil, err
	}
	defer unlock()
	j := &job{r: r, o: o}
	if err := j.tidy(ctx); err != nil {
		return nil, err
	}
	names, err := list(o.Root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(o.Root, tmpDir), dirPrefix)
	if err != nil {
		return nil, diskError(err)
	}
	defer os.RemoveAll(dir) // gone already when all went well
	report := &j.report
	report.Removed, report.Warnings = []string{}, []string{}
	report.Name, report.Program = nextName(names, o.Now()), o.Program
	if err := j.take(ctx, dir, names); err != nil {
		return nil, err
	}
	if err := publish(o.Root, dir, report); err != nil {
		return nil, err
	}
	if o.Keep > 0 {
		if err := j.prune(ctx); err != nil {
			report.Warnings = append(report.Warnings, fmt.Sprintf("older backups were not removed: %v", err))
		}
	}
	return report, nil
}

// dirPrefix begins the names of folders in tmp that are no backup yet, or no more.
const dirPrefix = "backup-"

type job struct {
	r      Registry
	o      Options
	report Report

	mu sync.Mutex // over what follows, while blobs are copied
	// gone are blobs that the store does not have; corrupt those whose bytes are wrong.
	gone, corrupt []pack.Digest
}

// tidy removes what was left of writers that were killed; nobody else is at work.
func (j *job) tidy(ctx context.Context) error {
	tmp := filepath.Join(j.o.Root, tmpDir)
	left, err := os.ReadDir(tmp)
	if err != nil {
		return diskError(err)
	}
	for _, e := range left {
		if !strings.HasPrefix(e.Name(), dirPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(tmp, e.Name())); err != nil {
			return diskError(err)
		}
	}
	_, err = j.o.Blobs.Tidy(ctx, j.o.Now().Add(time.Minute))
	return err
}

// attempts bounds how often the catalogue is exported anew because a blob went with the sweep before it was leased.
const attempts = 10

// take exports the catalogue into dir and copies the blobs it names. Between the instant of the export and the lease
// a version may be deleted and its blobs swept: then a later instant is taken, whose catalogue does not name them.
func (j *job) take(ctx context.Context, dir string, names []string) error {
	var before []pack.Digest
	for range attempts {
		c, err := j.export(ctx, dir)
		if err != nil {
			return err
		}
		if err := j.sameRegistry(c.header.Birth, names); err != nil {
			return err
		}
		if err := j.copyAll(ctx, c.blobs); err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(j.gone), func(d pack.Digest) bool { return !slices.Contains(before, d) })
		switch {
		case len(j.corrupt) > 0:
			return pack.Errorf(pack.KindCorrupt, "registry_damaged",
				"the registry's store is damaged, no backup was made: the content does not match its digest of %s; upload those packs again or delete them (registry admin verify reads all)", someOf(j.corrupt))
		case len(missing) > 0:
			return pack.Errorf(pack.KindCorrupt, "registry_damaged",
				"the registry's store is damaged, no backup was made: it misses %s; upload those packs again or delete them (registry admin verify looks for all)", someOf(missing))
		case len(j.gone) == 0:
			return nil
		}
		before = append(before, j.gone...)
		j.gone = nil
	}
	return pack.Errorf(pack.KindBusy, "backup_overtaken", "versions are deleted and swept faster than they are copied; try again later")
}

// export writes the catalogue of one instant.
func (j *job) export(ctx context.Context, dir string) (*contents, error) {
	j.report.TakenAt = j.o.Now().UTC()
	f, err := os.OpenFile(filepath.Join(dir, catalogueName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	defer f.Close()
	sum, size := sha256.New(), new(counter)
	z := gzip.NewWriter(io.MultiWriter(f, sum, size))
	buffered := bufio.NewWriterSize(z, 256<<10)
	lines := newLineWriter(buffered)
	if err := j.r.Catalogue.Export(ctx, lines); err != nil {
		return nil, diskError(err)
	}
	if err := errors.Join(lines.end(), buffered.Flush(), z.Close(), f.Sync()); err != nil {
		return nil, diskError(err)
	}
	j.report.describe(&lines.contents)
	j.report.Catalogue = File{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: int64(*size)}
	return &lines.contents, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// sameRegistry keeps the backups of one registry from being taken for those of another, and removed as older ones.
func (j *job) sameRegistry(birth string, names []string) error {
	for _, name := range slices.Backward(names) {
		m, err := readManifest(j.o.Root, name)
		if err != nil {
			continue // a damaged backup must not stop new ones; the pruning tells of it
		}
		if m.Registry != birth {
			return pack.Errorf(pack.KindConflict, "another_registry",
				"%s holds backups of another registry (or of this one before its database was made anew): use another folder, or restore from it first", j.o.Root)
		}
		return nil
	}
	return nil
}

// copyAll copies the blobs that are not in the folder yet.
func (j *job) copyAll(ctx context.Context, blobs []blob) error {
	var need []blob
	for _, b := range blobs {
		info, err := j.o.Blobs.Stat(ctx, b.digest)
		if err != nil && !pack.IsKind(err, pack.KindNotFound) {
			return err
		}
		if err != nil || info.Size != b.size {
			need = append(need, b)
		}
	}
	if len(need) == 0 {
		return nil
	}
	held, end, err := hold(ctx, j.r.Catalogue, need)
	if err != nil {
		return err
	}
	defer end()
	if err := each(held, need, j.copy); err != nil {
		return errors.Join(err, lost(held))
	}
	return nil
}

// lost is why a hold ended, when not by its end.
func lost(held context.Context) error {
	if cause := context.Cause(held); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// copy brings one blob into the folder. It is hashed twice: by the store that gives it and by the one that takes it.
func (j *job) copy(ctx context.Context, b blob) error {
	err := j.copyBlob(ctx, b.digest)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.report.Copied++
		j.report.CopiedBytes += b.size
	case pack.IsKind(err, pack.KindNotFound):
		j.gone = append(j.gone, b.digest)
	case pack.IsKind(err, pack.KindCorrupt):
		j.corrupt = append(j.corrupt, b.digest)
	default:
		return err
	}
	return nil
}

func (j *job) copyBlob(ctx context.Context, d pack.Digest) (err error) {
	from, err := j.r.Store.Open(ctx, d, 0, -1)
	if err != nil {
		return err
	}
	defer from.Close()
	spool, err := storage.NewSpool(j.o.Spool)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	if err := spool.Fill(from, -1); err != nil {
		return err
	}
	return j.o.Blobs.Put(ctx, d, spool)
}

// publish makes what lies in dir a backup.
func publish(root, dir string, r *Report) error {
	if err := writeJSON(dir, manifestName, r.Manifest); err != nil {
		return err
	}
	backups := filepath.Join(root, backupsDir)
	if err := os.MkdirAll(backups, 0o700); err != nil {
		return diskError(err)
	}
	err := storage.SyncDir(root)
	if err == nil {
		err = os.Rename(dir, filepath.Join(backups, r.Name))
	}
	if err == nil {
		err = storage.SyncDir(backups)
	}
	return diskError(err)
}
