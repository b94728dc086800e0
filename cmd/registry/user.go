package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/db"
)

func (p *program) userCommand() *cobra.Command {
	cmd := group("user", "accounts in the database")
	cmd.AddCommand(p.userAdd(), p.userList(), p.userPasswd(), p.userRole(), p.userRemove())
	return cmd
}

func (p *program) userAdd() *cobra.Command {
	var role string
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "make an account", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			name := given[0]
			if err := auth.ValidName(name); err != nil {
				return usageError{err}
			}
			r, err := auth.ParseRole(role)
			if err != nil {
				return usageError{fmt.Errorf("--role: %w", err)}
			}
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				old, _, err := account(ctx, b.db, name)
				if err != nil {
					return err
				}
				if old != nil {
					return fmt.Errorf("the account %q is there already; use registry admin user passwd %s, or remove it first", name, name)
				}
				if err := p.setPassword(ctx, cfg, b.db, db.Account{Name: name, Role: r.String()}, fromStdin, "made"); err != nil {
					return err
				}
				audit(ctx, log, "account.add", "account", name, "role", r.String())
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "reader", "reader, publisher or admin")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (p *program) userPasswd() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "passwd NAME", Short: "set an account's password", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, cfg *config.Config, b *backend, log *slog.Logger) error {
				old, err := existing(ctx, b.db, given[0])
				if err != nil {
					return err
				}
				if err := p.setPassword(ctx, cfg, b.db, *old, fromStdin, "changed"); err != nil {
					return err
				}
				audit(ctx, log, "account.passwd", "account", old.Name, "role", old.Role)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (p *program) userRole() *cobra.Command {
	return &cobra.Command{
		Use: "role NAME reader|publisher|admin", Short: "change what an account may do; it holds within seconds", Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			role, err := auth.ParseRole(given[1])
			if err != nil {
				return usageError{err}
			}
			return p.onBackend(cmd.Context(), func(ctx context.Context, _ *config.Config, b *backend, log *slog.Logger) error {
				old, err := existing(ctx, b.db, given[0])
				if err != nil {
					return err
				}
				old.Role, old.UpdatedAt = role.String(), time.Now()
				if err := b.db.PutAccount(ctx, *old); err != nil {
					return err
				}
				audit(ctx, log, "account.role", "account", old.Name, "role", old.Role)
				_, err = fmt.Fprintf(p.stdout, "account %s (%s) changed\n", old.Name, old.Role)
				return err
			})
		},
	}
}

func (p *program) userRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "remove an account; it is out within seconds", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, _ *config.Config, b *backend, log *slog.Logger) error {
				old, err := existing(ctx, b.db, given[0])
				if err != nil {
					return err
				}
				if err := b.db.DeleteAccount(ctx, given[0]); err != nil {
					return err
				}
				audit(ctx, log, "account.remove", "account", given[0], "role", old.Role)
				_, err = fmt.Fprintf(p.stdout, "account %s removed\n", given[0])
				return err
			})
		},
	}
}

func (p *program) userList() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "list", Short: "list the accounts in the database", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onBackend(cmd.Context(), func(ctx context.Context, _ *config.Config, b *backend, _ *slog.Logger) error {
				accounts, err := b.db.ListAccounts(ctx)
				if err != nil {
					return err
				}
				type row struct {
					Name      string    `json:"name"`
					Role      string    `json:"role"`
					UpdatedAt time.Time `json:"updatedAt"`
				}
				rows := []row{}
				var text strings.Builder
				w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tROLE\tUPDATED")
				for _, a := range accounts {
					rows = append(rows, row{a.Name, a.Role, a.UpdatedAt.UTC()})
					fmt.Fprintf(w, "%s\t%s\t%s\n", a.Name, a.Role, a.UpdatedAt.UTC().Format(time.RFC3339))
				}
				if err := w.Flush(); err != nil {
					return err
				}
				return p.print(out, rows, text.String())
			})
		},
	}
	out.flag(cmd)
	return cmd
}

// account finds an account, nil when there is none, and the names of all.
func account(ctx context.Context, accounts db.Accounts, name string) (*db.Account, []string, error) {
	list, err := accounts.ListAccounts(ctx)
	if err != nil {
		return nil, nil, err
	}
	var found *db.Account
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
		if a.Name == name {
			found = &a
		}
	}
	return found, names, nil
}

// existing is the account of that name, or an error that names those there are.
func existing(ctx context.Context, accounts db.Accounts, name string) (*db.Account, error) {
	found, names, err := account(ctx, accounts, name)
	switch {
	case err != nil || found != nil:
		return found, err
	case len(names) == 0:
		return nil, fmt.Errorf("there is no account %q; the database has none", name)
	}
	return nil, fmt.Errorf("there is no account %q; there are: %s", name, strings.Join(names, ", "))
}

// setPassword takes a password from standard input, from a person at a terminal,
// or makes one and prints it; then it writes the account.
func (p *program) setPassword(ctx context.Context, cfg *config.Config, accounts db.Accounts, a db.Account, fromStdin bool, done string) error {
	password, made, err := p.password(fromStdin)
	if err != nil {
		return err
	}
	if a.Hash, err = auth.HashPassword(password, cfg.Auth.Cost); err != nil {
		return err
	}
	a.UpdatedAt = time.Now()
	if err := accounts.PutAccount(ctx, a); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s (%s) %s\n", a.Name, a.Role, done)
	if made {
		fmt.Fprintf(p.stdout, "password: %s\n", password)
	}
	return nil
}

func (p *program) password(fromStdin bool) (password string, made bool, err error) {
	if fromStdin {
		// One line; what follows is not for us. bcrypt takes 72 bytes, so a kilobyte is plenty.
		line, err := bufio.NewReader(io.LimitReader(p.stdin, 1024)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", false, err
		}
		return strings.TrimRight(line, "\r\n"), false, nil
	}
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return auth.NewPassword(), true, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(p.stderr, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.stderr)
		return string(text), err
	}
	password, err = ask("Password (empty to have one made): ")
	if err != nil {
		return "", false, err
	}
	if password == "" {
		return auth.NewPassword(), true, nil
	}
	again, err := ask("The same again: ")
	if err != nil {
		return "", false, err
	}
	if again != password {
		return "", false, errors.New("the two passwords differ; nothing was changed")
	}
	return password, false, nil
}
