package appliance

import (
	"context"
	"fmt"
	"os"
	"strings"

	"packregistry/internal/auth"
	"packregistry/internal/config"
)

// admin makes the administrator, once. A password that is made is kept in a file until it was shown: the
// account may be there already when a run ends before that.
func (s *setup) admin() step {
	var has, pending bool
	return step{
		name: "administrator",
		plan: func(ctx context.Context) (string, error) {
			if s.drafted {
				return "make the account admin, if nobody has an account", nil
			}
			err := s.owner.as(func() (err error) {
				has, err = s.Product.HasAccounts(ctx, s.config())
				return err
			})
			if err != nil {
				return "", err
			}
			if pending, err = exists(s.pending()); err != nil {
				return "", err
			}
			switch {
			case has && pending:
				return "show the password that was made", nil
			case has:
				return "", nil
			case s.given.Admin.PasswordHash != "":
				return "make the account admin with the given password", nil
			}
			return "make the account admin and a password for it", nil
		},
		do: func(ctx context.Context) error {
			hash := s.given.Admin.PasswordHash
			if hash == "" || has {
				if err := s.makePassword(pending); err != nil {
					return err
				}
				cfg, _, err := config.Load(s.config(), s.Environ)
				if err != nil || has {
					return err
				}
				if hash, err = auth.HashPassword(s.password, cfg.Auth.Cost); err != nil {
					return err
				}
			} else if err := remove(s.pending()); err != nil {
				return err
			}
			return s.owner.as(func() error { return s.Product.MakeAdmin(ctx, s.config(), hash) })
		},
	}
}

func (s *setup) makePassword(pending bool) error {
	if pending {
		text, err := os.ReadFile(s.pending())
		s.password = strings.TrimSpace(string(text))
		if err != nil || s.password != "" {
			return err
		}
	}
	s.password = auth.NewPassword()
	return file{path: s.pending(), data: []byte(s.password + "\n"), mode: 0o600}.write(owner{})
}

// packs takes in a folder of archives.
func (s *setup) packs() step {
	publish := func(ctx context.Context, dry bool) (n int, err error) {
		err = s.owner.as(func() error {
			n, err = s.Product.Publish(ctx, s.config(), s.given.Packs, dry)
			return err
		})
		return n, err
	}
	return step{
		name: "packs",
		plan: func(ctx context.Context) (string, error) {
			if s.given.Packs == "" {
				return "", nil
			}
			if s.drafted {
				return "take in those of " + s.given.Packs, nil
			}
			n, err := publish(ctx, true)
			if n == 0 {
				return "", err
			}
			return fmt.Sprintf("take in %d packs of %s", n, s.given.Packs), err
		},
		do: func(ctx context.Context) error { _, err := publish(ctx, false); return err },
	}
}
