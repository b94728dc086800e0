package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/db"
	"packregistry/internal/importer"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/registry"
)

// product is what a set-up needs of the registry: appliance.Product.
type product struct{ p *program }

// HasAccounts implements appliance.Product.
func (x product) HasAccounts(ctx context.Context, file string) (has bool, err error) {
	cfg, _, err := config.Load(file, x.p.environ)
	if err != nil {
		return false, err
	}
	if path, embedded := strings.CutPrefix(cfg.Database.URL, "sqlite://"); embedded {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false, nil // opening would make it
		}
	}
	log := newLogger(config.Log{Level: "warn", Format: cfg.Log.Format}, x.p.stderr)
	database, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	all, err := database.ListAccounts(ctx)
	return len(all) > 0, err
}

// MakeAdmin implements appliance.Product.
func (x product) MakeAdmin(ctx context.Context, file, hash string) error {
	return x.on(ctx, file, func(_ *config.Config, b *backend, _ *slog.Logger) error {
		_, err := b.db.CreateFirstAccount(ctx, db.Account{Name: adminName, Hash: hash, Role: auth.Admin.String()})
		return err
	})
}

// Publish implements appliance.Product. A version that is there with other content is left as it is: what was put there since is not
// undone. A bad pack is logged and passed over: it is no reason not to serve.
func (x product) Publish(ctx context.Context, file, folder string, dry bool) (n int, err error) {
	err = x.on(ctx, file, func(cfg *config.Config, b *backend, log *slog.Logger) error {
		core, err := newRegistry(cfg, b, log)
		if err != nil {
			return err
		}
		o := importer.Options{
			To: core, Folder: folder, Namespace: pack.DefaultNamespace, By: byAdmin, AtOnce: 4, Now: time.Now,
			Limits: archive.Limits{Unpacked: int64(cfg.Limits.Unpacked), Entries: cfg.Limits.Entries},
		}
		if dry {
			o.To = planner{core}
		}
		s, err := importer.Import(ctx, o)
		if pack.IsKind(err, pack.KindNotFound) {
			return nil // an empty folder
		}
		for _, f := range s.Failures {
			if dry && f.Code != "version_exists" {
				log.Warn("a pack is not taken in", "pack", f.Source, "code", f.Code, "why", f.Message, "findings", f.Findings)
			}
		}
		n = s.Created
		return err
	})
	return n, err
}

// planner is a registry that only tells what a publish would do: importer.Publisher.
type planner struct{ core *registry.Registry }

// Publish implements importer.Publisher.
func (p planner) Publish(ctx context.Context, u registry.Upload) (*registry.Published, error) {
	v, err := p.core.Validate(ctx, u.Body)
	if err != nil {
		return nil, err
	}
	if !v.Valid {
		return nil, pack.BadPack(v.Findings)
	}
	switch there, err := p.core.Resolve(ctx, u.Namespace, v.Name, v.Version); {
	case err == nil:
		return &registry.Published{Version: there, Outcome: db.Same}, nil
	case !pack.IsKind(err, pack.KindNotFound):
		return nil, err
	}
	return &registry.Published{Version: &pack.Version{Name: v.Name, Version: v.Version}, Outcome: db.Created}, nil
}

// on opens what the configuration names.
func (x product) on(ctx context.Context, file string, do func(*config.Config, *backend, *slog.Logger) error) (err error) {
	cfg, log, err := x.p.load(file)
	if err != nil {
		return err
	}
	b, err := openBackend(ctx, cfg, newLogger(config.Log{Level: "warn", Format: cfg.Log.Format}, x.p.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return do(cfg, b, log)
}
