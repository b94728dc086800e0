package appliance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"packregistry/internal/certs"
)

// folder is one to be there.
type folder struct {
	path       string
	mode       fs.FileMode
	serverOwns bool
	// others' folders are left as they are when they are there.
	others bool
}

// folders makes those that the files go into. The configuration is root's and for the server to read.
func (s *setup) folders() step {
	all := []folder{
		{path: s.etc(), mode: 0o750},
		{path: s.tlsDir(), mode: 0o755},
		{path: s.given.Data, mode: 0o700, serverOwns: true},
		{path: s.run(), mode: 0o755, serverOwns: true},
		{path: filepath.Dir(s.issueFile()), mode: 0o755, others: true},
		{path: filepath.Dir(s.welcome()), mode: 0o755, others: true},
		{path: filepath.Dir(s.log()), mode: 0o755, others: true},
	}
	wrong := func() (out []folder, names []string, err error) {
		for _, f := range all {
			fi, err := os.Stat(f.path)
			switch {
			case err != nil && !errors.Is(err, fs.ErrNotExist):
				return nil, nil, err
			case err == nil && !fi.IsDir():
				return nil, nil, &fs.PathError{Op: "make", Path: f.path, Err: errors.New("it is there and no folder")}
			case err == nil && (f.others || fi.Mode().Perm() == f.mode && s.owner.has(fi, !f.serverOwns)):
				continue
			}
			out, names = append(out, f), append(names, f.path)
		}
		return out, names, nil
	}
	return step{
		name: "folders",
		plan: func(context.Context) (string, error) {
			_, names, err := wrong()
			return phrase("make ", names), err
		},
		do: func(context.Context) error {
			out, _, err := wrong()
			if err != nil {
				return err
			}
			for _, f := range out {
				if err := errors.Join(makeDir(f.path), os.Chmod(f.path, f.mode), s.owner.give(f.path, !f.serverOwns)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// phrase is "" for no words.
func phrase(verb string, words []string) string {
	if len(words) == 0 {
		return ""
	}
	return verb + strings.Join(words, ", ")
}

// makeDir makes a folder and those above it for all to pass, whatever the umask is.
func makeDir(dir string) error {
	if there, err := exists(dir); there || err != nil {
		return err
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755))
}

// certificate makes or keeps the server's certificate of the appliance's own CA; one that is given is among the secrets.
func (s *setup) certificate() step {
	st := step{name: "certificate", plan: func(context.Context) (string, error) { return "", nil }}
	if s.given.TLS.Mode != tlsPrivate {
		return st
	}
	o := certs.Options{Dir: s.tlsDir(), Names: s.given.Names, Now: s.Now}
	st.plan = func(context.Context) (string, error) {
		dry := o
		dry.Dry = true
		r, err := certs.Make(dry)
		switch {
		case err != nil:
			return "", err
		case r.MadeCA:
			return "make a private CA, and a certificate for " + strings.Join(r.Names, ", "), nil
		case r.MadeCertificate:
			return "make a certificate for " + strings.Join(r.Names, ", ") + ": " + r.Reason, nil
		}
		fi, err := os.Stat(r.Path(certs.KeyFile))
		if err != nil || s.owner.has(fi, false) {
			return "", err
		}
		return "give the key to the server", nil
	}
	st.do = func(context.Context) error { _, err := makeCertificate(o, s.owner); return err }
	return st
}

// makeCertificate lets the server read its key, and leaves the CA's to root.
func makeCertificate(o certs.Options, own owner) (*certs.Result, error) {
	r, err := certs.Make(o)
	if err != nil {
		return nil, err
	}
	return r, own.give(r.Path(certs.KeyFile), false)
}

// The names of PEM files that were answered, below the TLS folder.
const (
	givenCert = "given.crt"
	givenKey  = "given.key"
	acmeCA    = "acme-ca.crt"
	s3CA      = "s3-ca.crt"
	paletteCA = "palette-ca.crt"
)

// secrets writes what the configuration only names: keys, and PEM that was answered.
func (s *setup) secrets() step {
	a := s.given
	var all []file
	add := func(text, path string, mode fs.FileMode) {
		if text != "" {
			all = append(all, file{path: path, data: []byte(text), mode: mode, serverOwns: mode == 0o600})
		}
	}
	tls := s.tlsDir()
	add(a.TLS.Key, filepath.Join(tls, givenKey), 0o600) // the key first: a server that reads in between keeps its old pair
	add(a.TLS.Certificate, filepath.Join(tls, givenCert), 0o644)
	add(a.TLS.ACME.CA, filepath.Join(tls, acmeCA), 0o644)
	add(a.S3.CA, filepath.Join(tls, s3CA), 0o644)
	add(a.Palette.APIKey, s.paletteKey(), 0o600)
	st := s.files("given files", all)
	plan := st.plan
	st.plan = func(ctx context.Context) (string, error) {
		if a.TLS.Certificate != "" {
			if err := checkPair(a.TLS.Certificate, a.TLS.Key, a.Names); err != nil {
				return "", err
			}
		}
		return plan(ctx)
	}
	return s.withRestart(st)
}

// withRestart is for what the server reads at its start alone.
func (s *setup) withRestart(st step) step {
	do := st.do
	st.do = func(ctx context.Context) error {
		if err := s.markStale(); err != nil {
			return err
		}
		return do(ctx)
	}
	return st
}

// trust writes the authorities that the connection to Palette needs: Palette's, and the one of this registry, for
// the advertised address is examined before it is given to Palette. The latter need not be there in a dry run.
func (s *setup) trust() step {
	f := func() []file {
		text := s.paletteTrust()
		if text == "" || s.given.Palette.URL == "" {
			return nil
		}
		return []file{{path: filepath.Join(s.tlsDir(), paletteCA), data: []byte(text), mode: 0o644}}
	}
	return s.withRestart(step{
		name: "trust",
		plan: func(ctx context.Context) (string, error) { return s.files("", f()).plan(ctx) },
		do:   func(ctx context.Context) error { return s.files("", f()).do(ctx) },
	})
}

// paletteTrust is their PEM.
func (s *setup) paletteTrust() string {
	text := s.given.Palette.CA
	switch s.given.TLS.Mode {
	case tlsPrivate:
		own, err := os.ReadFile(filepath.Join(s.tlsDir(), certs.CAFile))
		if err != nil {
			own = []byte("# the private CA, when it is made\n")
		}
		text += string(own)
	case tlsFiles:
		text += s.given.TLS.Certificate // a chain, or a certificate that is its own authority
	}
	return text
}

// files is a step that writes files.
func (s *setup) files(name string, all []file) step {
	wrong := func() (out []file, names []string, err error) {
		for _, f := range all {
			differs, err := f.differs(s.owner)
			if err != nil {
				return nil, nil, err
			}
			if differs {
				out, names = append(out, f), append(names, f.path)
			}
		}
		return out, names, nil
	}
	return step{
		name: name,
		plan: func(context.Context) (string, error) {
			_, names, err := wrong()
			return phrase("write ", names), err
		},
		do: func(context.Context) error {
			out, _, err := wrong()
			for _, f := range out {
				err = errors.Join(err, f.write(s.owner))
			}
			return err
		},
	}
}
