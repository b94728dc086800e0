package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/connect"
	"packregistry/internal/palette"
)

// newConnect makes the room that speaks to Palette; it can only tell what is known where none is configured.
func newConnect(cfg *config.Config, b *backend, packs connect.Packs, log *slog.Logger) (*connect.Service, func(), error) {
	var client *palette.Client
	stop := func() {}
	if cfg.Palette.Follows() {
		var err error
		if client, err = paletteClient(cfg.Palette); err != nil {
			return nil, nil, err
		}
		stop = client.Close
	}
	return connect.New(connect.Config{
		Store: b.db, Packs: packs, Palette: client, Examine: examiner(cfg), NewPassword: auth.NewPassword,
		HashPassword: func(password string) (string, error) { return auth.HashPassword(password, cfg.Auth.Cost) },
		Log:          log, Now: time.Now,
	}), stop, nil
}

// paletteTarget is the entry that the configuration names; nil when it names none.
func paletteTarget(p config.Palette) *connect.Target {
	if !p.Connects() {
		return nil
	}
	return &connect.Target{Name: p.Name, Kind: palette.Kind(p.Kind), Namespace: p.Namespace, Advertise: p.Advertise}
}

// followPalette keeps Palette in sync until ctx ends, beside the server. What it returns waits for the end.
func followPalette(ctx context.Context, cfg *config.Config, s *connect.Service) (wait func()) {
	var running sync.WaitGroup
	if cfg.Palette.Follows() {
		running.Go(func() { s.Follow(ctx, paletteTarget(cfg.Palette)) })
	}
	return running.Wait
}

func (p *program) paletteCommand() *cobra.Command {
	cmd := group("palette", "let a Palette show this registry's packs; the verbs work beside a running server")
	cmd.Long = `Makes and keeps the entry that a Palette has for this registry. All settings can stand in the server's configuration (palette:), in REGISTRY_PALETTE_*
variables, or in flags, which win. The API key comes from a file, from REGISTRY_PALETTE_API_KEY, or is asked for at a terminal; it is kept nowhere.`
	cmd.PersistentFlags().StringVarP(&p.configFile, "config", "c", "", "configuration file, the same as the server's")
	cmd.AddCommand(p.paletteConnect(), p.paletteStatus(), p.paletteSync(), p.paletteDisconnect())
	return cmd
}

// paletteFlags lie over the configuration.
type paletteFlags struct {
	output
	url, name, kind, namespace, advertise, keyFile, user, ca string
	system                                                   bool
	timeout                                                  time.Duration
}

// login are the flags that say which Palette is spoken to, and as whom.
func (f *paletteFlags) login(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "address of Palette (REGISTRY_PALETTE_URL)")
	cmd.Flags().StringVar(&f.keyFile, "api-key-file", "", "file with an API key of Palette (REGISTRY_PALETTE_API_KEY_FILE)")
	cmd.Flags().StringVar(&f.user, "user", "", "instead of an API key: user, whose password is in REGISTRY_PALETTE_PASSWORD, its _FILE, or asked for (REGISTRY_PALETTE_USER)")
	cmd.Flags().BoolVar(&f.system, "system", false, "log in to the system console of a self-hosted Palette (REGISTRY_PALETTE_SYSTEM)")
	cmd.Flags().StringVar(&f.ca, "ca", "", "PEM file with further authorities, for Palette and the advertised address (REGISTRY_PALETTE_CA)")
}

func (f *paletteFlags) wait(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.timeout, "timeout", 15*time.Minute, "how long to wait for the sync")
}

// over lays the flags over the configuration and completes it.
func (f *paletteFlags) over(cmd *cobra.Command, p *program, cfg *config.Config, connects bool) error {
	c := &cfg.Palette
	for _, flag := range []struct {
		name  string
		given string
		to    *string
	}{
		{"url", f.url, &c.URL},
		{"name", f.name, &c.Name},
		{"kind", f.kind, &c.Kind},
		{"namespace", f.namespace, &c.Namespace},
		{"advertise", f.advertise, &c.Advertise},
		{"user", f.user, &c.User},
		{"ca", f.ca, &c.CA},
	} {
		if cmd.Flags().Changed(flag.name) {
			*flag.to = flag.given
		}
	}
	if cmd.Flags().Changed("system") {
		c.System = f.system
	}
	if f.user != "" || f.system {
		c.APIKey, c.APIKeyFile = "", ""
	}
	if f.keyFile != "" {
		text, err := config.SecretFile("--api-key-file", f.keyFile)
		if err != nil {
			return usageError{err}
		}
		c.APIKey, c.User, c.Password, c.System = text, "", "", false
	}
	if err := p.askSecret(c); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return usageError{err}
	}
	if err := c.Complete(connects); err != nil {
		return usageError{err}
	}
	return nil
}

// askSecret asks a person at a terminal for what is missing.
func (p *program) askSecret(c *config.Palette) error {
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || c.URL == "" {
		return nil
	}
	ask := func(prompt string, to *string) error {
		fmt.Fprint(p.stderr, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.stderr)
		*to = strings.TrimSpace(string(text))
		return err
	}
	switch {
	case c.User != "" && c.Password == "":
		return ask("Password of "+c.User+" in Palette: ", &c.Password)
	case c.User == "" && c.APIKey == "":
		return ask("API key of Palette: ", &c.APIKey)
	}
	return nil
}

// onPalette opens what a verb needs. Without speaks it can only tell what is known.
func (p *program) onPalette(cmd *cobra.Command, f *paletteFlags, speaks, connects bool, do func(context.Context, *connect.Service, *config.Config) error) error {
	return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
		if speaks {
			if err := f.over(cmd, p, cfg, connects); err != nil {
				return err
			}
		} else {
			cfg.Palette = config.Palette{}
		}
		core, err := newRegistry(cfg, b, log)
		if err != nil {
			return err
		}
		s, stop, err := newConnect(cfg, b, core, log)
		if err != nil {
			return usageError{err}
		}
		defer stop()
		return do(ctx, s, cfg)
	})
}

func (p *program) paletteConnect() *cobra.Command {
	var f paletteFlags
	cmd := &cobra.Command{
		Use: "connect", Short: "make or mend the entry in Palette, sync it, and tell what Palette shows", Args: args(cobra.NoArgs),
		Long: `Examines the advertised address as registry doctor does, makes a reader account for Palette with a password that nobody else gets to know, has Palette
try it, makes or changes the entry, syncs it, and tells what Palette shows. Run again it changes nothing, unless something no longer is as it should be.

A server with the same palette.url and API key in its configuration keeps the entry in sync from then on.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onPalette(cmd, &f, true, true, func(ctx context.Context, s *connect.Service, cfg *config.Config) error {
				e, err := s.Ensure(ctx, *paletteTarget(cfg.Palette))
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stderr, "entry %s %s in %s; waiting for the sync\n", e.Connection.Name, e.Action, e.Connection.Palette)
				st, err := syncWithin(ctx, s, e.Connection.Name, f.timeout)
				if err != nil {
					return err
				}
				view := struct {
					Action connect.Action `json:"action"`
					*connect.Status
				}{e.Action, st}
				leader, err := s.Leader(ctx)
				if err != nil {
					return err
				}
				text := fmt.Sprintf("entry %s %s in %s (%s)\n", st.Name, e.Action, st.Palette, st.UID) + statusText(st)
				if leader == "" {
					text += "No running server keeps it in sync: set palette.url and an API key in the server's configuration, and restart it.\n"
				}
				return p.print(f.output, view, text)
			})
		},
	}
	cmd.Flags().StringVar(&f.name, "name", "", "name of the entry (REGISTRY_PALETTE_NAME)")
	cmd.Flags().StringVar(&f.kind, "kind", "", "oci, or pack for the legacy kind (REGISTRY_PALETTE_KIND, else oci)")
	cmd.Flags().StringVar(&f.namespace, "namespace", "", "namespace that Palette reads (REGISTRY_PALETTE_NAMESPACE, else default)")
	cmd.Flags().StringVar(&f.advertise, "advertise", "", "https address at which Palette reaches this registry (REGISTRY_PALETTE_ADVERTISE)")
	f.login(cmd)
	f.wait(cmd)
	f.output.flag(cmd)
	return cmd
}

// syncWithin syncs, and says so when it took too long.
func syncWithin(ctx context.Context, s *connect.Service, name string, timeout time.Duration) (*connect.Status, error) {
	bounded, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	st, err := s.Sync(bounded, name)
	if ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("the sync of %s has not ended in %s; Palette goes on with it, see: registry palette status", name, timeout)
	}
	return st, err
}

func (p *program) paletteStatus() *cobra.Command {
	var f paletteFlags
	cmd := &cobra.Command{
		Use: "status", Short: "tell what is known of the entries in Palette, without asking it", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onPalette(cmd, &f, false, false, func(ctx context.Context, s *connect.Service, _ *config.Config) error {
				list, err := s.Statuses(ctx)
				if err != nil {
					return err
				}
				leader, err := s.Leader(ctx)
				if err != nil {
					return err
				}
				text := "there is no connection to a Palette; make one with registry palette connect\n"
				if len(list) > 0 {
					text = ""
				}
				for i := range list {
					text += fmt.Sprintf("entry %s in %s (%s)\n", list[i].Name, list[i].Palette, orNone(list[i].UID)) + statusText(&list[i])
				}
				text += "kept in sync by " + orNone(leader) + "\n"
				return p.print(f.output, map[string]any{"leader": leader, "connections": list}, text)
			})
		},
	}
	f.output.flag(cmd)
	return cmd
}

func (p *program) paletteSync() *cobra.Command {
	var f paletteFlags
	cmd := &cobra.Command{
		Use: "sync [NAME...]", Short: "have Palette sync its entries now (default: all), and tell what it shows",
		RunE: func(cmd *cobra.Command, names []string) error {
			return p.onPalette(cmd, &f, true, false, func(ctx context.Context, s *connect.Service, _ *config.Config) error {
				if len(names) == 0 {
					list, err := s.Statuses(ctx)
					if err != nil {
						return err
					}
					for _, st := range list {
						names = append(names, st.Name)
					}
				}
				if len(names) == 0 {
					return errors.New("there is no connection to a Palette; make one with registry palette connect")
				}
				var all []*connect.Status
				text := ""
				for _, name := range names {
					st, err := syncWithin(ctx, s, name, f.timeout)
					if err != nil {
						return err
					}
					all = append(all, st)
					text += fmt.Sprintf("entry %s in %s (%s)\n", st.Name, st.Palette, st.UID) + statusText(st)
				}
				return p.print(f.output, all, text)
			})
		},
	}
	f.login(cmd)
	f.wait(cmd)
	f.output.flag(cmd)
	return cmd
}

func (p *program) paletteDisconnect() *cobra.Command {
	var f paletteFlags
	var forget bool
	cmd := &cobra.Command{
		Use: "disconnect NAME", Short: "remove an entry from Palette, with the account that was made for it", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return p.onPalette(cmd, &f, !forget, false, func(ctx context.Context, s *connect.Service, cfg *config.Config) error {
				if err := s.Disconnect(ctx, given[0], forget); err != nil {
					return err
				}
				text := fmt.Sprintf("entry %s removed\n", given[0])
				if cfg.Palette.Name == given[0] {
					text += "The configuration still names it (palette.name): a server with it makes the entry again.\n"
				}
				_, err := fmt.Fprint(p.stdout, text)
				return err
			})
		},
	}
	f.login(cmd)
	cmd.Flags().BoolVar(&forget, "forget", false, "only forget it here, for a Palette that is no more")
	return cmd
}

// statusText is a status for a person.
func statusText(st *connect.Status) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(w, "  %s\t%s\n", name, value) }
	line("kind", st.Kind)
	line("namespace", st.Namespace)
	line("address", st.Endpoint)
	line("account", st.Account+" (reader)")
	line("last good sync", when(st.Sync.GoodAt))
	if st.Sync.State != string(palette.StateDone) {
		line("last sync", orNone(st.Sync.State)+", asked for "+when(st.Sync.AskedAt))
	}
	if st.Sync.Problem != "" {
		line("Palette says", st.Sync.Problem)
	}
	if st.LagChanges > 0 {
		line("behind by", fmt.Sprintf("%d changes, the oldest %s old", st.LagChanges, time.Duration(st.LagSeconds*float64(time.Second)).Round(time.Second)))
	}
	line("shown", fmt.Sprintf("%d of %d versions", st.Shown, st.Shown+st.Unshown))
	for _, l := range st.Lacks {
		line("not shown", l.Name+" "+l.Version)
	}
	if more := st.Unshown - len(st.Lacks); more > 0 {
		line("not shown", fmt.Sprintf("and %d more", more))
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
