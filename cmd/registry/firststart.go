package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/db"
	"packregistry/internal/pack/sample"
)

const (
	adminName = "admin"
	// shortPassword is the length below which a password that is given is warned of (NIST SP 800-63B, 5.1.1.1).
	shortPassword = 8
)

// firstStart makes sure that somebody may log in. With no account at all it makes
// the administrator and prints, once, how to go on. REGISTRY_ADMIN_PASSWORD sets
// the administrator's password at every start.
func (p *program) firstStart(ctx context.Context, cfg *config.Config, b *backend, inFile auth.Role, base target, log *slog.Logger) error {
	password, given := cfg.AdminPassword, cfg.AdminPassword != ""
	if given && len(password) < shortPassword {
		log.Warn(fmt.Sprintf("REGISTRY_ADMIN_PASSWORD is shorter than %d characters: it can be guessed", shortPassword))
	}
	accounts, err := b.db.ListAccounts(ctx)
	if err != nil {
		return fmt.Errorf("the accounts cannot be read: %w", err)
	}
	if len(accounts) > 0 || (!given && inFile != auth.None) {
		if given {
			return setAdminPassword(ctx, b.db, accounts, password, cfg.Auth.Cost, log)
		}
		if len(accounts) == 0 && inFile < auth.Publisher {
			log.Warn("nobody may publish: no account in the htpasswd file is in auth.htpasswd.admins or publishers; use registry admin user add NAME --role admin")
		}
		return nil
	}
	if !given {
		password = auth.NewPassword()
	}
	hash, err := auth.HashPassword(password, cfg.Auth.Cost)
	if err != nil {
		return fmt.Errorf("REGISTRY_ADMIN_PASSWORD: %w", err)
	}
	// Whatever may fail comes before the account: its password is shown only once.
	path, err := writeSample(b.folder)
	if err != nil {
		return err
	}
	made, err := b.db.CreateFirstAccount(ctx, db.Account{Name: adminName, Hash: hash, Role: auth.Admin.String()})
	if err != nil {
		return fmt.Errorf("the administrator's account cannot be made: %w", err)
	}
	if !made { // another replica was faster
		if !given {
			return nil
		}
		if accounts, err = b.db.ListAccounts(ctx); err != nil {
			return fmt.Errorf("the accounts cannot be read: %w", err)
		}
		return setAdminPassword(ctx, b.db, accounts, password, cfg.Auth.Cost, log)
	}
	log.Info("the administrator's account was made", "account", adminName)
	p.welcome(password, given, path, base)
	return nil
}

// setAdminPassword changes the account only when it is not so already: a new hash
// would make all replicas forget that they know the password.
func setAdminPassword(ctx context.Context, accounts db.Accounts, existing []db.Account, password string, cost int, log *slog.Logger) error {
	for _, a := range existing {
		if a.Name == adminName && a.Role == auth.Admin.String() && auth.CheckPassword(a.Hash, password) {
			return nil
		}
	}
	hash, err := auth.HashPassword(password, cost)
	if err != nil {
		return fmt.Errorf("REGISTRY_ADMIN_PASSWORD: %w", err)
	}
	if err := accounts.PutAccount(ctx, db.Account{Name: adminName, Hash: hash, Role: auth.Admin.String()}); err != nil {
		return fmt.Errorf("the administrator's password cannot be set: %w", err)
	}
	log.Info("the administrator's password was set from REGISTRY_ADMIN_PASSWORD", "account", adminName)
	return nil
}

// writeSample writes the sample pack below the folder and returns its absolute path.
func writeSample(folder string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(folder, "sample"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, sample.Name+"-"+sample.Version+".zip")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("the sample pack cannot be written: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("the sample pack cannot be written: %w", err)
	}
	if err := sample.Write(f); err != nil {
		f.Close()
		return "", fmt.Errorf("the sample pack cannot be written: %w", err)
	}
	return path, f.Close()
}

// welcome prints what a new administrator needs, to stdout and never to the log.
func (p *program) welcome(password string, given bool, samplePath string, base target) {
	credentials := "-u " + adminName + ":" + password
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe registry listens on %s. This is its first start.\n", base.url)
	if given {
		credentials = `-u "` + adminName + `:$REGISTRY_ADMIN_PASSWORD"`
		fmt.Fprintf(&b, "The administrator is %q with the password from REGISTRY_ADMIN_PASSWORD.\n", adminName)
	} else {
		fmt.Fprintf(&b, "It made an administrator and shows the password only now:\n\n  user      %s\n  password  %s\n", adminName, password)
	}
	curl := "curl -fsS " + base.curlOptions + credentials
	fmt.Fprintf(&b, "\nUpload a sample pack, search for it, download it:\n\n")
	fmt.Fprintf(&b, "  %s --data-binary @%s %s\n", curl, shellQuote(samplePath), shellQuote(base.url+"/api/v1/packs"))
	fmt.Fprintf(&b, "  %s %s\n", curl, shellQuote(base.url+"/api/v1/packs?q=hello"))
	fmt.Fprintf(&b, "  %s -o %s.zip %s\n\n", curl, sample.Name, shellQuote(base.url+"/api/v1/packs/"+sample.Name+"/versions/latest/archive"))
	fmt.Fprint(p.stdout, b.String())
}

// shellQuote leaves plain words alone and puts others into single quotes.
func shellQuote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,[]") == "" && !strings.ContainsAny(s, "[]") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
