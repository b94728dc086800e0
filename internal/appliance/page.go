package appliance

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"packregistry/internal/config"
)

// page is what an administrator has to know.
type page struct {
	address, anchor, print string
	mode                   string
}

// describe makes the page of the configuration that is, or in a dry run will be, in force.
func (s *setup) describe() (page, error) {
	p := page{mode: s.given.TLS.Mode}
	var err error
	if p.address, err = s.given.address(s.certified()); err != nil {
		return p, err
	}
	cfg, _, err := config.Load(s.config(), s.Environ)
	if err != nil {
		return p, err
	}
	p.anchor, p.print, err = anchor(s.paths, cfg)
	return p, err
}

// lines are the page without what changes by itself.
func (p page) lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  Address      %s\n", p.address)
	switch {
	case p.mode == tlsPrivate:
		fmt.Fprintf(&b, "  CA           %s\n  SHA-256      %s\n", p.anchor, p.print)
	case p.print != "":
		fmt.Fprintf(&b, "  Certificate  %s\n  SHA-256      %s\n", p.anchor, p.print)
	}
	return b.String()
}

// login tells how to come in.
func (p page) login(password string) string {
	if password != "" {
		return fmt.Sprintf("  Log in       user admin, password %s (shown only now: note it, or set another by registry admin user passwd admin)\n", password)
	}
	return "  Log in       user admin; a lost password is set anew by registry admin user passwd admin\n"
}

// try is a line to paste.
func (p page) try() string {
	ca := ""
	if p.mode == tlsPrivate {
		ca = "--cacert " + p.anchor + " "
	}
	return fmt.Sprintf("  Try          curl %s-u admin %s/api/v1/packs\n", ca, p.address)
}

// title begins the page.
const title = "Pack Registry"

// printPage shows the page, and the made password this once.
func (s *setup) printPage(l live) error {
	p, err := s.describe()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s\n\n%s  Health       %s\n", title, s.Version, p.lines(), l.health)
	if l.palette != "" {
		fmt.Fprintf(&b, "  Palette      %s\n", l.palette)
	}
	b.WriteString(p.login(s.password) + p.try() + "\n")
	switch len(s.changes) {
	case 0:
		b.WriteString("no change\n")
	default:
		fmt.Fprintf(&b, "changed:\n  %s\n", strings.Join(s.changes, "\n  "))
	}
	if _, err := fmt.Fprint(s.Out, b.String()); err != nil || l.err != nil {
		return err // the password stays for the next run to show
	}
	return remove(s.pending())
}

// issue puts the page above the console's login. A made password stands there until the next boot, for root's login program alone to read.
func (s *setup) issue() step {
	all := func() ([]file, error) {
		p, err := s.describe()
		if err != nil {
			return nil, err
		}
		text := title + "\n\n" + p.lines() + "  Health       " + p.address + "/ready, or registry appliance status\n" + p.login("") + "\n"
		out := []file{{path: s.issueFile(), data: []byte(text), mode: 0o644}}
		if s.password != "" && s.Root == "" { // no console looks into another root
			out = append(out, file{path: s.welcome(), data: []byte("First start: " + strings.TrimSpace(p.login(s.password)) + "\n\n"), mode: 0o600})
		}
		return out, nil
	}
	return step{
		name: "console",
		plan: func(ctx context.Context) (string, error) {
			if s.drafted {
				return "write the status page for the login of the console, " + s.issueFile(), nil
			}
			out, err := all()
			if err != nil {
				return "", err
			}
			return s.files("", out).plan(ctx)
		},
		do: func(ctx context.Context) error {
			out, err := all()
			if err != nil {
				return err
			}
			if err := s.files("", out).do(ctx); err != nil || s.Root != "" {
				return err
			}
			s.reloadConsole(ctx)
			return nil
		},
	}
}

// reloadConsole lets login programs that wait show the page at once. A machine without them has no console to show it on.
func (s *setup) reloadConsole(ctx context.Context) {
	if out, err := exec.CommandContext(ctx, "agetty", "--reload").CombinedOutput(); err != nil {
		s.Log.Info("the console shows the page from its next login on", "why", err.Error(), "output", string(out))
	}
}
