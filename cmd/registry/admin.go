package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/config"
	"packregistry/internal/pack"
)

func (p *program) adminCommand() *cobra.Command {
	cmd := group("admin", "verbs for the administrator; they work beside a running server")
	cmd.PersistentFlags().StringVarP(&p.configFile, "config", "c", "", "configuration file, the same as the server's")
	cmd.AddCommand(
		p.userCommand(), p.importCommand(), p.sweepCommand(), p.verifyCommand(), p.pruneCommand(), p.repositoryCommand(),
		p.backupCommand(), p.restoreCommand(), p.certCommand(),
	)
	return cmd
}

// byAdmin is who did it, in the audit lines of the verbs.
const byAdmin = "registry admin"

// audit logs what a verb has changed, as the server logs what its clients change. Nothing secret goes in.
func audit(ctx context.Context, log *slog.Logger, action string, more ...any) {
	log.InfoContext(ctx, "audit", append([]any{"action", action, "by", byAdmin}, more...)...)
}

// onBackend opens the store and catalogue for one verb. Opening logs only warnings: the verb's answer is
// on stdout, and what it changed in the log.
func (p *program) onBackend(ctx context.Context, do func(context.Context, *config.Config, *backend, *slog.Logger) error) error {
	return p.withBackend(ctx, catalogueIsThere, do)
}

// withBackend asks check before it opens anything.
func (p *program) withBackend(ctx context.Context, check func(*config.Config) error, do func(context.Context, *config.Config, *backend, *slog.Logger) error) (err error) {
	cfg, log, err := p.load(p.configFile)
	if err != nil {
		return err
	}
	if cfg.Storage.Driver == config.DriverInMemory {
		return errors.New("storage: inmemory lives in the server's process, where admin verbs cannot reach it; use storage: filesystem")
	}
	if err := check(cfg); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx, p.stderr)
	defer stop()
	b, err := openBackend(ctx, cfg, newLogger(config.Log{Level: "warn", Format: cfg.Log.Format}, p.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return do(ctx, cfg, b, log)
}

// catalogueIsThere keeps a verb that is run in the wrong folder from making an empty catalogue there and
// reporting on it. A database on a server is made by somebody: it is there.
func catalogueIsThere(cfg *config.Config) error {
	path, embedded := strings.CutPrefix(cfg.Database.URL, "sqlite://")
	if !embedded {
		return nil
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return noCatalogue{path}
	}
	return err
}

// noCatalogue says that the embedded catalogue is not there.
type noCatalogue struct{ path string }

func (e noCatalogue) Error() string {
	return fmt.Sprintf("there is no catalogue at %s: run this in the server's folder, or name its configuration with -c; a new one is made by registry serve", e.path)
}

// output is the flag -o of verbs that report something.
type output struct{ format string }

func (o *output) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json")
	check := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if o.format != "text" && o.format != "json" {
			return usageError{fmt.Errorf("-o %s is unknown; use text or json", o.format)}
		}
		return check(cmd, given)
	}
}

// print writes v as JSON, or text as it is.
func (p *program) print(o output, v any, text string) error {
	if o.format == "json" {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}

func (p *program) sweepCommand() *cobra.Command {
	var out output
	var dry bool
	var grace string
	cmd := &cobra.Command{
		Use: "sweep", Short: "remove blobs that nothing refers to", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				if grace != "" {
					d, err := config.ParseDuration(grace)
					if err != nil {
						return usageError{fmt.Errorf("--grace: %w", err)}
					}
					cfg.Sweep.Grace = d
				}
				core, err := newRegistry(cfg, b, log)
				if err != nil {
					return err
				}
				r, err := core.Sweep(ctx, dry)
				if r == nil {
					return err
				}
				if !dry && len(r.Removed)+r.Temporary > 0 {
					audit(ctx, log, "sweep", "removed", len(r.Removed), "freedBytes", r.Freed, "temporary", r.Temporary)
				}
				done := "removed"
				if dry {
					done = "would remove"
				}
				text := ""
				for _, d := range r.Removed {
					text += fmt.Sprintf("%s %s\n", done, d)
				}
				text += fmt.Sprintf("%d blobs examined, %s %d (%s)\n", r.Examined, done, len(r.Removed), config.Size(r.Freed))
				if r.Temporary > 0 {
					text += fmt.Sprintf("%d left-over temporary files and uploads removed\n", r.Temporary)
				}
				return errors.Join(p.print(out, r, text), err)
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	cmd.Flags().StringVar(&grace, "grace", "", "how old a blob must be, instead of sweep.grace (such as 1h)")
	out.flag(cmd)
	return cmd
}

func (p *program) verifyCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "verify", Short: "read every blob back; fails when one is corrupt or missing", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				core, err := newRegistry(cfg, b, log)
				if err != nil {
					return err
				}
				r, err := core.Verify(ctx)
				if err != nil {
					return err
				}
				text := ""
				for word, digests := range map[string][]pack.Digest{"corrupt": r.Corrupt, "missing": r.Missing, "orphaned": r.Orphaned} {
					for _, d := range digests {
						text += fmt.Sprintf("%s %s\n", word, d)
					}
				}
				text += fmt.Sprintf("%d blobs read (%d bytes): %d corrupt, %d missing, %d orphaned\n", r.Blobs, r.Bytes, len(r.Corrupt), len(r.Missing), len(r.Orphaned))
				if err := p.print(out, r, text); err != nil {
					return err
				}
				if !r.Clean() {
					return fmt.Errorf("%d blobs are corrupt and %d missing: bring them back from a backup, or upload their packs again", len(r.Corrupt), len(r.Missing))
				}
				return nil
			})
		},
	}
	out.flag(cmd)
	return cmd
}

func (p *program) pruneCommand() *cobra.Command {
	var out output
	var older string
	cmd := &cobra.Command{
		Use: "prune", Short: "forget overwritten revisions beyond the retention; the sweep then removes their blobs", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				keep := cfg.Retention.Overwritten
				if older != "" {
					d, err := config.ParseDuration(older)
					if err != nil {
						return usageError{fmt.Errorf("--older-than: %w", err)}
					}
					keep = d
				} else if keep == 0 {
					return errors.New("retention.overwritten: overwritten revisions are kept without end; set a retention, or use --older-than 90d")
				}
				n, err := b.db.PruneRevisions(ctx, time.Now().Add(-time.Duration(keep)))
				if err != nil {
					return err
				}
				if n > 0 {
					audit(ctx, log, "prune", "revisions", n, "olderThan", keep.String())
				}
				return p.print(out, map[string]int{"pruned": n}, fmt.Sprintf("%d overwritten revisions forgotten\n", n))
			})
		},
	}
	cmd.Flags().StringVar(&older, "older-than", "", "replaced this long ago, instead of retention.overwritten (such as 90d)")
	out.flag(cmd)
	return cmd
}
