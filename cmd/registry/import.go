package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/config"
	"packregistry/internal/importer"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
)

func (p *program) importCommand() *cobra.Command {
	var out output
	o := importer.Options{By: byAdmin, Now: time.Now}
	cmd := &cobra.Command{
		Use: "import DIR", Short: "publish all packs of a folder tree", Args: args(cobra.ExactArgs(1)),
		Long: `Publishes every pack below a folder: archives (.zip, .tar.gz, .tgz) byte for byte, and directories that hold a pack.json.
It works beside a running server and without it, and may be stopped and started again: what is there already with the same content is skipped.
A pack that is refused is listed with what is wrong; the others go on, and the exit code is 1. What begins with a dot is passed over.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			switch {
			case o.Force && strings.TrimSpace(o.Message) == "":
				return usageError{errors.New("--force needs --message, which says why the content changes")}
			case o.AtOnce < 1:
				return usageError{errors.New("--concurrency is at least 1")}
			}
			if err := pack.ValidateNamespace(o.Namespace); err != nil {
				return usageError{fmt.Errorf("--namespace: %w", err)}
			}
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				core, err := newRegistry(cfg, b, log)
				if err != nil {
					return err
				}
				o.To, o.Folder = core, given[0]
				o.Limits = archive.Limits{Unpacked: int64(cfg.Limits.Unpacked), Entries: cfg.Limits.Entries}
				s, err := importer.Import(ctx, o)
				if err := errors.Join(err, p.print(out, s, importText(s))); err != nil {
					return err
				}
				if s.Failed > 0 {
					return fmt.Errorf("%d of %d packs were not taken", s.Failed, s.Found)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&o.Namespace, "namespace", pack.DefaultNamespace, "namespace to publish to")
	cmd.Flags().IntVar(&o.AtOnce, "concurrency", 8, "packs in flight")
	cmd.Flags().BoolVar(&o.Force, "force", false, "replace the content of versions that are there; needs --message")
	cmd.Flags().StringVar(&o.Message, "message", "", "why the content changes, kept with the versions")
	out.flag(cmd)
	return cmd
}

func importText(s *importer.Summary) string {
	var b strings.Builder
	for _, f := range s.Failures {
		fmt.Fprintf(&b, "%q not taken: %s\n", f.Source, f.Message)
		for _, finding := range f.Findings {
			fmt.Fprintf(&b, "    %s %s%s %s\n", finding.Rule, finding.File, finding.Pointer, finding.Message)
		}
	}
	fmt.Fprintf(&b, "%d packs: %d new, %d replaced, %d there already, %d not taken (%d bytes, %.1f s)\n",
		s.Found, s.Created, s.Replaced, s.Same, s.Failed, s.Bytes, s.Seconds)
	return b.String()
}
