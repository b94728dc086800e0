package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/settings"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// loginFlags are those of registry login.
type loginFlags struct {
	insecure, asDefault, stdin bool
	username, password         string
}

func (p *program) loginCommand() *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use: "login SERVER", Short: "log in to a registry and remember it",
		Long: `Log in to a registry. SERVER is host, host:port or a URL; user name and password are tried there and then remembered.

They come from --username and --password-stdin (or --password), from SPECTRO_USERNAME and SPECTRO_PASSWORD, or you are asked for them.
They are kept in <home>/config.json, which only you can read; where Docker's config.json names a credential helper for the
server (credsStore, credHelpers) the password goes there instead.

The first registry you log in to becomes the default, which commands mean that name no server; --default makes this one so.

A server's certificate must be trusted: put the certificate of a private CA into /etc/spectro/certs.d/SERVER/ca.crt or
<home>/certs.d/SERVER/ca.crt (Windows: %ProgramData%\spectro\certs.d, and an underscore for the colon before a port). --insecure
verifies no certificate and speaks plain HTTP to a server that does not speak TLS; it is remembered for the server, and needed
for plain HTTP on any but this machine.`,
		Example: `spectro registry login packs.example.com --default
printf %s "$PASSWORD" | spectro registry login packs.example.com:5000 --username robot --password-stdin
spectro registry login --insecure http://10.10.1.5:5000`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(p.completeServers),
		RunE: func(cmd *cobra.Command, given []string) error { return p.login(cmd.Context(), &f, given[0]) },
	}
	c.Flags().BoolVarP(&f.insecure, "insecure", "i", false, "verify no certificate, and speak plain HTTP where the server does not speak TLS")
	c.Flags().BoolVarP(&f.asDefault, "default", "d", false, "make it the server of all commands that name none")
	c.Flags().StringVarP(&f.username, "username", "u", "", "`NAME` of the user (SPECTRO_USERNAME)")
	c.Flags().StringVarP(&f.password, "password", "p", "", "`PASSWORD`, which others may see in the list of processes (SPECTRO_PASSWORD)")
	c.Flags().BoolVar(&f.stdin, "password-stdin", false, "read the password from standard input")
	return c
}

func (p *program) login(ctx context.Context, f *loginFlags, server string) error {
	server = strings.TrimSpace(server)
	if _, err := client.ParseAddress(server); err != nil {
		return asUsage(err)
	}
	home := p.settingsHome()
	if home == "" {
		return usagef("there is no place to remember a login: HOME is not set; give --home FOLDER")
	}
	config, err := settings.Load(settings.Path(home))
	if err != nil {
		return err
	}
	docker, err := settings.LoadDocker(settings.DockerPath(p.getenv))
	if err != nil {
		return err
	}
	env, err := p.environment(server, true)
	if err != nil {
		return err
	}
	insecure := f.insecure || (env.insecure != nil && *env.insecure)
	// A server that cannot be is told before anybody has to type a password.
	if _, err := p.client(server, insecure, settings.Credentials{}); err != nil {
		return err
	}
	account, err := p.credentials(ctx, f, env.account, config, server)
	if err != nil {
		return err
	}
	c, err := p.client(server, insecure, account)
	if err != nil {
		return err
	}
	// A question that needs an account which may read, whatever is there to be read.
	if _, err := c.In(pack.AllNamespaces).Search(ctx, client.Query{Limit: 1}); err != nil {
		return fmt.Errorf("login to %s failed: %w", server, err)
	}

	kept := account
	helper := docker.Helper(server)
	if helper != "" {
		if err := helper.Store(ctx, server, account); err != nil {
			return err
		}
		kept = settings.Credentials{}
	}
	if err := settings.Update(home, func(c *settings.Config) error {
		first := c.Default() == "" && len(c.Servers()) == 0
		c.Set(server, kept, insecure)
		if f.asDefault || first {
			c.SetDefault(server)
		}
		return nil
	}); err != nil {
		return err
	}
	if helper == "" {
		fmt.Fprintf(p.Stderr, "WARNING! Your password is stored unencrypted in %s.\nA credential helper in Docker's config.json (credsStore or credHelpers) keeps it safer.\n", settings.Path(home))
	}
	_, err = fmt.Fprintln(p.Stdout, "Login Succeeded")
	return err
}

// credentials finds out who logs in: from flags, from the environment, from the person at the terminal.
func (p *program) credentials(ctx context.Context, f *loginFlags, env settings.Credentials, config *settings.Config, server string) (settings.Credentials, error) {
	a := settings.Credentials{Username: cmp.Or(f.username, env.Username), Password: f.password}
	switch {
	case f.stdin && f.password != "":
		return a, usagef("--password and --password-stdin exclude each other")
	case f.stdin && a.Username == "":
		return a, usagef("--password-stdin needs --username")
	case f.password != "":
		p.note("--password shows the password to everybody who can list processes; --password-stdin does not")
	case f.stdin:
		text, err := io.ReadAll(io.LimitReader(p.Stdin, 1<<16))
		if err != nil {
			return a, err
		}
		if a.Password = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"); a.Password == "" {
			return a, usagef("there was no password on standard input")
		}
	case a.Username == env.Username:
		a.Password = env.Password
	}
	if (a.Username == "" || a.Password == "") && !isTerminal(p.Stdin) {
		return a, usagef(`standard input is no terminal, so nobody can be asked; give user and password: printf %%s "$PASSWORD" | spectro registry login %s --username NAME --password-stdin`, server)
	}
	if a.Username == "" {
		if err := p.askUser(ctx, &a, config, server); err != nil {
			return a, err
		}
	}
	if a.Password == "" {
		var err error
		if a.Password, err = p.ask(ctx, "Password: ", true); err != nil {
			return a, endOfInput(err)
		}
	}
	switch {
	case a.Username == "" || a.Password == "":
		return a, usagef("a login needs a user name and a password")
	case strings.Contains(a.Username, ":"):
		return a, usagef("a user name holds no colon")
	}
	return a, nil
}

// askUser offers the user of the last login.
func (p *program) askUser(ctx context.Context, a *settings.Credentials, config *settings.Config, server string) error {
	question, last := "Username: ", ""
	if entry, ok := config.Find(server); ok {
		if known, err := entry.Credentials(); err == nil && known.Username != "" {
			last, question = known.Username, fmt.Sprintf("Username (%s): ", known.Username)
		}
	}
	typed, err := p.ask(ctx, question, false)
	a.Username = cmp.Or(strings.TrimSpace(typed), last)
	return endOfInput(err)
}

// endOfInput is for Ctrl-D at a question.
func endOfInput(err error) error {
	if errors.Is(err, io.EOF) {
		return usagef("the input ended before the login was complete")
	}
	return err
}
