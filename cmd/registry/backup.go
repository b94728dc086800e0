package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/backup"
	"packregistry/internal/config"
	"packregistry/internal/storage/local"
)

func (p *program) backupCommand() *cobra.Command {
	var out output
	var keep int
	cmd := &cobra.Command{
		Use: "backup DIR", Short: "back up the registry into a folder, while it runs", Args: args(cobra.ExactArgs(1)),
		Long: `Writes the catalogue of one instant and the blobs it names into DIR, a folder for backups of this registry alone. Blobs that
are there from the last time are not copied again. What it writes holds password hashes; it does not hold the configuration,
certificates and the htpasswd file.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if keep < 0 {
				return usageError{fmt.Errorf("--keep %d: say how many backups are to be left, or leave it out to keep all", keep)}
			}
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				return p.backup(ctx, cfg, b, log, given[0], keep, out)
			})
		},
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "how many backups to leave, this one included; older ones are removed (default: all stay)")
	out.flag(cmd)
	return cmd
}

func (p *program) backup(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger, dir string, keep int, out output) error {
	if err := apart(cfg, dir); err != nil {
		return err
	}
	if err := backup.Prepare(dir); err != nil {
		return err
	}
	blobs, err := local.New(dir, time.Now)
	if err != nil {
		return err
	}
	r, err := backup.Create(ctx, backup.Registry{Catalogue: b.db, Store: b.store}, backup.Options{
		Root: dir, Blobs: blobs, Spool: blobs.SpoolDir(), Keep: keep, Program: buildVersion(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	audit(ctx, log, "backup", "backup", r.Name, "cursor", r.Cursor, "removed", len(r.Removed))
	text := fmt.Sprintf("backup %s: %s; %d of the blobs (%d bytes) copied\n", r.Name, holdings(&r.Manifest), r.Copied, r.CopiedBytes)
	if len(r.Removed) > 0 {
		text += fmt.Sprintf("removed %s, and %d blobs that only they named\n", strings.Join(r.Removed, ", "), r.Freed)
	}
	if err := p.print(out, r, text); err != nil {
		return err
	}
	if len(r.Warnings) > 0 {
		return fmt.Errorf("the backup %s was made and is whole, but %s", r.Name, strings.Join(r.Warnings, "; "))
	}
	return nil
}

// holdings says in a few words what a backup holds.
func holdings(m *backup.Manifest) string {
	return fmt.Sprintf("%d packs, %d OCI repositories, %d accounts, %d blobs (%d bytes), up to change %d",
		m.Rows["packs"], m.Rows["oci_repositories"], m.Rows["accounts"], m.Blobs, m.Bytes, m.Seq)
}

// apart keeps backups out of the data folder itself: blobs lie in both under the same names.
func apart(cfg *config.Config, dir string) error {
	a, errA := os.Stat(cfg.Storage.Root)
	b, errB := os.Stat(dir)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return fmt.Errorf("%s is the registry's data folder: backups need a folder of their own, best on another disk", dir)
	}
	return nil
}

func (p *program) restoreCommand() *cobra.Command {
	var out output
	var o backup.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore DIR", Short: "fill an empty registry from a backup", Args: args(cobra.ExactArgs(1)),
		Long: `Reads the whole backup and checks it, then writes. The registry it fills is the one of the configuration: any store, any
database, but an empty one, so before the server is started on it for the first time. A restore that was interrupted is run again.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			o.Root = given[0]
			return p.onNewBackend(cmd.Context(), o.DryRun, func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				if err := apart(cfg, o.Root); err != nil {
					return err
				}
				r, err := backup.Restore(ctx, backup.Registry{Catalogue: b.db, Store: b.store}, o)
				if err != nil {
					return err
				}
				done, note := "restored", ""
				if o.DryRun {
					done = "all is right with"
				} else {
					audit(ctx, log, "restore", "backup", r.Name, "takenAt", r.TakenAt, "cursor", r.Cursor)
				}
				if r.Refused != "" {
					note = "it could not be restored here: " + r.Refused + "\n"
				}
				return p.print(out, r, fmt.Sprintf("%s backup %s of %s: %s\n%s", done, r.Name, r.TakenAt.Format(time.RFC3339), holdings(&r.Manifest), note))
			})
		},
	}
	cmd.Flags().StringVar(&o.Name, "backup", "", "name of the backup in DIR/backups (default: the newest)")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "read and check the whole backup and write nothing; the registry need not be empty")
	out.flag(cmd)
	return cmd
}

// onNewBackend is onBackend for a verb that may be the first to use the catalogue. A dry one makes none: where there
// is none it gets an empty one in memory.
func (p *program) onNewBackend(ctx context.Context, dry bool, do func(context.Context, *config.Config, *backend, *slog.Logger) error) error {
	return p.withBackend(ctx, func(cfg *config.Config) error {
		err := catalogueIsThere(cfg)
		var none noCatalogue
		if !errors.As(err, &none) {
			return err
		}
		if dry {
			cfg.Storage.Driver, cfg.Database.URL = config.DriverInMemory, "sqlite://:memory:"
		}
		return nil
	}, do)
}
