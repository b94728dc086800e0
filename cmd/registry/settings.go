package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"packregistry/internal/config"
)

// load reads the configuration and makes the logger; what the configuration
// warns of is logged.
func (p *program) load(path string) (*config.Config, *slog.Logger, error) {
	cfg, warnings, err := config.Load(path, p.environ)
	if err != nil {
		return nil, nil, err
	}
	log := newLogger(cfg.Log, p.stderr)
	for _, w := range warnings {
		log.Warn(w)
	}
	return cfg, log, nil
}

// newLogger writes JSON lines, or text for a person at a terminal.
func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	opts := &slog.HandlerOptions{Level: levels[cfg.Level]}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if cfg.Format == "text" || (cfg.Format == "auto" && isTerminal(w)) {
		h = slog.NewTextHandler(w, opts)
	}
	var attrs []slog.Attr
	for name, value := range cfg.Fields {
		attrs = append(attrs, slog.String(name, value))
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return slog.New(h.WithAttrs(attrs))
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// header turns http.headers into what net/http writes.
func header(lists map[string]config.List) http.Header {
	h := http.Header{}
	for name, values := range lists {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return h
}

func (p *program) configCommand() *cobra.Command {
	cmd := group("config", "about the configuration")
	cmd.AddCommand(&cobra.Command{
		Use: "check [config.yml]", Args: args(cobra.MaximumNArgs(1)),
		Short: "print the effective configuration without secrets, or what is wrong with it",
		RunE: func(_ *cobra.Command, given []string) error {
			cfg, warnings, err := config.Load(first(given), p.environ)
			if err != nil {
				return err
			}
			log := newLogger(config.Log{Level: "info", Format: "text"}, p.stderr)
			for _, w := range warnings {
				log.Warn(w)
			}
			// What the server would refuse to start with is told here too.
			if _, err := serverTLS(context.Background(), cfg, log, dryRun); err != nil {
				return err
			}
			if _, err := newAuthenticator(cfg, nil, log); err != nil {
				return err
			}
			if err := checkRemote(context.Background(), cfg); err != nil {
				return err
			}
			if err := checkPalette(cfg); err != nil {
				return err
			}
			return cfg.Show(p.stdout)
		},
	})
	return cmd
}

func first(given []string) string {
	if len(given) == 0 {
		return ""
	}
	return given[0]
}
