package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	ociface "packregistry/internal/api/oci"
	"packregistry/internal/config"
	"packregistry/internal/db"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage"
	"packregistry/internal/storage/cache"
	"packregistry/internal/storage/local"
	"packregistry/internal/storage/memory"
)

// backend is the opened store and catalogue.
type backend struct {
	store  storage.Store
	cache  *cache.Store   // store, where it has one
	linker storage.Linker // nil: downloads come through this server
	db     db.DB
	spool  string // directory for uploads in flight
	// folder is where the server may put files of its own: the data folder, or a
	// temporary one that close removes.
	folder string
	temp   string
}

// openBackend opens what the configuration names. The error names the setting.
func openBackend(ctx context.Context, cfg *config.Config, log *slog.Logger) (b *backend, err error) {
	b = &backend{folder: cfg.Storage.Root}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
			b = nil
		}
	}()
	if cfg.Storage.Driver == config.DriverInMemory {
		if b.temp, err = os.MkdirTemp("", "pack-registry-"); err != nil {
			return b, fmt.Errorf("storage: no temporary folder: %w", err)
		}
		b.folder = b.temp
	} else if err := os.MkdirAll(b.folder, 0o700); err != nil {
		return b, fmt.Errorf("storage.filesystem.rootdirectory: the data folder cannot be made: %w", err)
	}
	// Both wait for the disk most of the time: together they start sooner.
	var g errgroup.Group
	g.Go(func() error { return b.openStore(ctx, cfg) })
	g.Go(func() error {
		database, err := openDatabase(ctx, cfg, log)
		if err != nil {
			return fmt.Errorf("database.url: %w", err)
		}
		b.db = database
		return nil
	})
	if err := g.Wait(); err != nil {
		return b, err
	}
	if b.spool == "" {
		b.spool = filepath.Join(b.folder, "tmp")
		if err := os.MkdirAll(b.spool, 0o700); err != nil {
			return b, fmt.Errorf("storage.filesystem.rootdirectory: the folder for uploads cannot be made: %w", err)
		}
	}
	if size := int64(cfg.Storage.S3.Cache); cfg.Storage.Driver == config.DriverS3 && size > 0 {
		b.cache = cache.New(b.store, cache.Options{Dir: b.spool, Size: size, Now: time.Now, Log: log})
		b.store = b.cache
	}
	return b, nil
}

func (b *backend) openStore(ctx context.Context, cfg *config.Config) error {
	switch cfg.Storage.Driver {
	case config.DriverInMemory:
		b.store = memory.New()
	case config.DriverS3:
		store, err := openS3(ctx, cfg.Storage.S3)
		if err != nil {
			return fmt.Errorf("storage.s3: %w", err)
		}
		b.store, b.linker = store, store.Linker()
	default:
		store, err := local.New(b.folder, time.Now)
		if err != nil {
			return fmt.Errorf("storage.filesystem.rootdirectory: %w", err)
		}
		b.store, b.spool = store, store.SpoolDir()
	}
	return nil
}

func openDatabase(ctx context.Context, cfg *config.Config, log *slog.Logger) (db.DB, error) {
	opts := sqlcat.Options{Now: time.Now, Log: log}
	if path, ok := strings.CutPrefix(cfg.Database.URL, "sqlite://"); ok {
		return sqlite.Open(ctx, path, opts)
	}
	return openPostgres(ctx, cfg.Database.URL, opts)
}

// close closes the catalogue and removes what was temporary.
func (b *backend) close() error {
	var errs []error
	if b.db != nil {
		errs = append(errs, b.db.Close())
	}
	if b.temp != "" {
		errs = append(errs, os.RemoveAll(b.temp))
	}
	return errors.Join(errs...)
}

// newRegistry makes the core on a backend.
func newRegistry(cfg *config.Config, b *backend, log *slog.Logger) (*registry.Registry, error) {
	checker, err := check.New(archive.Limits{Unpacked: int64(cfg.Limits.Unpacked), Entries: cfg.Limits.Entries})
	if err != nil {
		return nil, err
	}
	return registry.New(registry.Config{
		Store: b.store, Linker: b.linker, DB: b.db, Checker: checker, SpoolDir: b.spool, ArchiveLimit: int64(cfg.Limits.Archive),
		SweepGrace: time.Duration(cfg.Sweep.Grace), SweepInterval: time.Duration(cfg.Sweep.Interval),
		Retention: time.Duration(cfg.Retention.Overwritten), Overwrite: cfg.Overwrite, Log: log, Now: time.Now,
	}), nil
}

// How long an upload session of /v2 lives after its last request.
const uploadTTL = 24 * time.Hour

// newOCI makes the core of /v2 beside the registry's.
func newOCI(cfg *config.Config, b *backend, core *registry.Registry, log *slog.Logger) *oci.Core {
	return oci.New(oci.Config{
		Registry: core, Store: b.store, Linker: b.linker, DB: b.db, OCI: b.db, SpoolDir: b.spool, ManifestLimit: ociface.ManifestLimit,
		BlobLimit: int64(cfg.Limits.Blob), Overwrite: cfg.Overwrite, UploadTTL: uploadTTL, Log: log, Now: time.Now,
	})
}
