package appliance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"packregistry/internal/certs"
	"packregistry/internal/config"
)

// Status looks at what a set-up has made, and prints its page. The error says what is not well.
func Status(ctx context.Context, o Options) error {
	s := &setup{Options: o, paths: paths{root: o.Root}, given: &Answers{}}
	if there, err := exists(s.config()); err != nil || !there {
		return errors.Join(err, fmt.Errorf("%s is not there: nothing was set up; use registry appliance init", s.config()))
	}
	if err := s.given.adopt(s.paths, o.Environ); err != nil {
		return err
	}
	if !s.given.kept {
		return fmt.Errorf("%s was not written by registry appliance init; ask registry health and registry doctor", s.config())
	}
	cfg, _, err := config.Load(s.config(), o.Environ)
	if err != nil {
		return err
	}
	l := live{health: "ready"}
	if err := probe(ctx, cfg); err != nil {
		l = live{health: "not ready: " + err.Error(), err: fmt.Errorf("the server is not ready: %w", err)}
	}
	ctx, stop := context.WithTimeout(ctx, o.Wait)
	defer stop()
	var perr error
	l.palette, perr = s.waitPalette(ctx, cfg)
	p, err := s.describe()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Out, "%s %s\n\n%s  Health       %s\n  Palette      %s\n%s", title, o.Version, p.lines(), l.health, l.palette, p.login("")+p.try())
	return errors.Join(err, l.err, perr)
}

// Renew makes the server's certificate anew when its end is near, or at once with force, by the CA of the appliance. A
// running server takes it up by itself, and clients that trust the CA notice nothing.
func Renew(ctx context.Context, o Options, force bool) error {
	s := &setup{Options: o, paths: paths{root: o.Root}}
	cfg, _, err := config.Load(s.config(), o.Environ)
	if err != nil {
		return err
	}
	if cfg.HTTP.TLS.Certificate != filepath.Join(s.tlsDir(), certs.CertFile) {
		_, err := fmt.Fprintln(o.Out, "no change: the certificate is not of the appliance's own CA")
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s.owner, err = findOwner(o.Root); err != nil {
		return err
	}
	r, err := makeCertificate(certs.Options{Dir: s.tlsDir(), Renew: force, Now: o.Now}, s.owner)
	if err != nil {
		return err
	}
	word := "no change: the certificate holds"
	if r.MadeCertificate {
		word = "renewed (" + r.Reason + "): the certificate holds"
	}
	o.Log.Info("certificate", "made", r.MadeCertificate, "until", r.NotAfter.UTC(), "names", strings.Join(r.Names, ","))
	_, err = fmt.Fprintf(o.Out, "%s until %s for %s\n", word, r.NotAfter.UTC().Format("2006-01-02"), strings.Join(r.Names, ", "))
	return err
}
