package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"packregistry/internal/config"
)

// repositoryCommand deletes what the distribution spec knows no request for: a whole repository.
func (p *program) repositoryCommand() *cobra.Command {
	cmd := group("repository", "repositories of the OCI face")
	cmd.AddCommand(&cobra.Command{
		Use: "remove NAME", Short: "remove a repository with all its content and rights, and the pack if it is one", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				core, err := newRegistry(cfg, b, log)
				if err != nil {
					return err
				}
				if err := newOCI(cfg, b, core, log).DeleteRepository(ctx, given[0], byAdmin); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "repository %s removed\n", given[0])
				return err
			})
		},
	})
	return cmd
}
