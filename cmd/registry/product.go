package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/db"
	"packregistry/internal/pack"
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
	return x.on(ctx, file, func(_ *config.Config, b *backend, _ *registry.Registry) error {
		_, err := b.db.CreateFirstAccount(ctx, db.Account{Name: adminName, Hash: hash, Role: auth.Admin.String()})
		return err
	})
}

// Publish implements appliance.Product. A version that is there with other content is left as it is.
func (x product) Publish(ctx context.Context, file, folder string, dry bool) (n int, err error) {
	archives, err := archivesOf(folder)
	if err != nil {
		return 0, err
	}
	err = x.on(ctx, file, func(_ *config.Config, _ *backend, core *registry.Registry) error {
		known := map[pack.Digest]bool{}
		_, err := core.Catalogue(ctx, pack.DefaultNamespace, func(v *pack.Version) error {
			known[v.Digest], known[v.TarGzDigest] = true, true
			return nil
		})
		if err != nil {
			return err
		}
		for _, path := range archives {
			digest, err := digestOf(path)
			if err != nil {
				return err
			}
			if known[digest] {
				continue
			}
			made, err := x.publish(ctx, core, path, dry)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if made {
				n++
			}
		}
		return nil
	})
	return n, err
}

// publish takes one archive in, and reports whether it was not there.
func (x product) publish(ctx context.Context, core *registry.Registry, path string, dry bool) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	v, err := core.Validate(ctx, f)
	if err != nil {
		return false, err
	}
	for _, finding := range v.Findings {
		if finding.Severity == pack.SeverityError {
			return false, fmt.Errorf("this is no pack to take in: %s: %s", finding.Rule, finding.Message)
		}
	}
	switch _, err := core.Resolve(ctx, pack.DefaultNamespace, v.Name, v.Version); {
	case err == nil:
		return false, nil // there, with other content: what was put there since is not undone
	case !pack.IsKind(err, pack.KindNotFound):
		return false, err
	case dry:
		return true, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	_, err = core.Publish(ctx, registry.Upload{Namespace: pack.DefaultNamespace, Body: f, By: byAdmin})
	return true, err
}

// on opens what the configuration names.
func (x product) on(ctx context.Context, file string, do func(*config.Config, *backend, *registry.Registry) error) (err error) {
	cfg, log, err := x.p.load(file)
	if err != nil {
		return err
	}
	b, err := openBackend(ctx, cfg, newLogger(config.Log{Level: "warn", Format: cfg.Log.Format}, x.p.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	core, err := newRegistry(cfg, b, log)
	if err != nil {
		return err
	}
	return do(cfg, b, core)
}

// archivesOf are the archives of a folder and those below it, in the order of their names.
func archivesOf(folder string) (out []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, end := range []string{".zip", ".tar.gz", ".tgz"} {
			if strings.HasSuffix(d.Name(), end) {
				out = append(out, path)
			}
		}
		return nil
	})
	return out, err
}

func digestOf(path string) (pack.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return pack.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), nil
}
