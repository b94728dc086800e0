package registry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// SweepReport says what a sweep did, or would do.
type SweepReport struct {
	DryRun    bool          `json:"dryRun"`
	Examined  int           `json:"examined"`
	Removed   []pack.Digest `json:"removed"`
	Freed     int64         `json:"freedBytes"`
	Temporary int           `json:"temporary"` // left-over temporary files and multiparts removed
}

// tidyAge is how long a temporary file must have been left alone to be taken for
// left over. An upload in flight touches its file all the time.
const tidyAge = time.Hour

// Sweep removes blobs that are older than the grace time and that nothing refers
// to, each under its row lock in the catalogue, and what crashed writers left
// behind. dryRun only tells which blobs would go. The report is never nil; with
// an error it says what was done before. Any number of sweeps may run at once,
// beside publishes, on all replicas.
func (r *Registry) Sweep(ctx context.Context, dryRun bool) (*SweepReport, error) {
	report := &SweepReport{DryRun: dryRun, Removed: []pack.Digest{}}
	before := r.cfg.Now().Add(-r.cfg.SweepGrace)
	err := r.cfg.Store.Walk(ctx, func(b storage.Info) error {
		report.Examined++
		if b.ModTime.After(before) {
			return nil
		}
		gone, err := r.sweepBlob(ctx, b.Digest, dryRun)
		if gone {
			report.Removed = append(report.Removed, b.Digest)
			report.Freed += b.Size
		}
		return err
	})
	if err != nil || dryRun {
		return report, err
	}
	r.counts.sweptBlobs.Add(int64(len(report.Removed)))
	r.counts.sweptBytes.Add(report.Freed)
	left := r.cfg.Now().Add(-max(r.cfg.SweepGrace, tidyAge))
	n, err := r.cfg.Store.Tidy(ctx, left)
	spools, spoolErr := tidySpools(r.cfg.SpoolDir, left)
	report.Temporary = n + spools
	return report, errors.Join(err, spoolErr)
}

func (r *Registry) sweepBlob(ctx context.Context, d pack.Digest, dryRun bool) (bool, error) {
	// A plain look first: almost every blob is referred to, and looking takes no lock.
	held, err := r.cfg.DB.Referenced(ctx, d)
	if held || err != nil || dryRun {
		return !held && err == nil, err
	}
	return r.cfg.DB.SweepBlob(ctx, d, func(ctx context.Context) error { return r.cfg.Store.Delete(ctx, d) })
}

// tidySpools removes the spool files of crashed uploads.
func tidySpools(dir string, before time.Time) (int, error) {
	names, err := filepath.Glob(filepath.Join(dir, storage.SpoolPattern))
	if err != nil {
		return 0, pack.Wrap(pack.KindInternal, err, "the spool directory cannot be listed")
	}
	removed := 0
	var errs []error
	for _, name := range names {
		info, err := os.Lstat(name)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			if err = os.Remove(name); err == nil {
				removed++
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, pack.Wrap(pack.KindInternal, err, "a left-over spool file cannot be removed"))
		}
	}
	return removed, errors.Join(errs...)
}
