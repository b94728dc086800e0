package appliance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"packregistry/internal/certs"
	"packregistry/internal/config"
)

// The first lines of a configuration that is ours. The sum is of what follows: it tells whether somebody changed it since.
const (
	headSum  = "# Written by registry appliance init. sha256: "
	headHint = "# Settings of your own go as REGISTRY_* into %s, which wins over this file and is never touched.\n"
)

// written is the configuration as the answers want it. Only what was answered stands in it; the rest are the server's defaults.
type written struct {
	Storage struct {
		Filesystem map[string]string `yaml:"filesystem"`
		S3         map[string]string `yaml:"s3,omitempty"`
	} `yaml:"storage"`
	Database map[string]string `yaml:"database,omitempty"`
	HTTP     struct {
		Addr string         `yaml:"addr"`
		TLS  map[string]any `yaml:"tls,omitempty"`
	} `yaml:"http"`
	Palette map[string]string `yaml:"palette,omitempty"`
}

// render makes the text of the configuration.
func (s *setup) render() ([]byte, error) {
	a, tls := s.given, s.tlsDir()
	var w written
	w.Storage.Filesystem = map[string]string{"rootdirectory": a.Data}
	w.Storage.S3 = filled("bucket", a.S3.Bucket, "endpoint", a.S3.Endpoint, "region", a.S3.Region, "accesskey", a.S3.AccessKey,
		"secretkey", a.S3.SecretKey, "forcepathstyle", a.S3.ForcePathStyle, "cafile", pathOf(a.S3.CA, tls, s3CA))
	w.Database = filled("url", a.Database.URL)
	w.HTTP.Addr = ":" + a.Port
	switch a.TLS.Mode {
	case tlsPrivate:
		w.HTTP.TLS = map[string]any{"certificate": filepath.Join(tls, certs.CertFile), "key": filepath.Join(tls, certs.KeyFile)}
	case tlsFiles:
		w.HTTP.TLS = map[string]any{"certificate": filepath.Join(tls, givenCert), "key": filepath.Join(tls, givenKey)}
	case tlsACME:
		acme := map[string]any{"hosts": a.Names, "cachefile": filepath.Join(a.Data, "acme")}
		for k, v := range filled("email", a.TLS.ACME.Email, "directory", a.TLS.ACME.Directory, "ca", pathOf(a.TLS.ACME.CA, tls, acmeCA)) {
			acme[k] = v
		}
		w.HTTP.TLS = map[string]any{"letsencrypt": acme}
	}
	if p := a.Palette; p.URL != "" {
		w.Palette = filled("url", p.URL, "name", p.Name, "kind", p.Kind, "namespace", p.Namespace, "advertise", p.Advertise,
			"apikeyfile", s.paletteKey(), "ca", pathOf(s.paletteTrust(), tls, paletteCA))
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, headHint, s.etc("environment"))
	enc := yaml.NewEncoder(&body)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(w), enc.Close()); err != nil {
		return nil, err
	}
	return append([]byte(headSum+sum(body.Bytes())+"\n"), body.Bytes()...), nil
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// filled is a section of those that have a value.
func filled(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func pathOf(text, dir, name string) string {
	if text == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// readOwn looks at the configuration that is there: the sum it was written with, "" when it is not ours, and whether it was changed since.
func readOwn(path string) (text []byte, wrote string, edited bool, err error) {
	text, err = os.ReadFile(path)
	if err != nil {
		return nil, "", false, err
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	wrote, ours := strings.CutPrefix(string(head), headSum)
	if !ours {
		return text, "", false, nil
	}
	return text, wrote, sum(body) != wrote, nil
}

// settings writes the configuration. One that a person wrote or changed is not lost.
func (s *setup) settings() step {
	var text []byte
	return step{
		name: "configuration",
		plan: func(context.Context) (string, error) {
			var err error
			if text, err = s.render(); err != nil {
				return "", err
			}
			f := file{path: s.config(), data: text, mode: 0o640}
			_, wrote, edited, err := readOwn(f.path)
			want := strings.TrimPrefix(strings.SplitN(string(text), "\n", 2)[0], headSum)
			verb := "change "
			switch {
			case errors.Is(err, fs.ErrNotExist):
				verb = "write "
			case err != nil:
				return "", err
			case s.given.kept:
				return "", nil
			case wrote == "" && !s.Overwrite:
				return "", fmt.Errorf("%s was not written by this command: move it away, or use --overwrite", f.path)
			case wrote == want && edited && !s.Overwrite:
				s.Log.Warn("the configuration was changed by hand, and is kept so", "file", f.path)
				return "", nil
			case edited && !s.Overwrite:
				return "", fmt.Errorf("%s was changed by hand, and the answers ask for another one: use --overwrite to lose the change", f.path)
			default:
				if differs, err := f.differs(s.owner); err != nil || !differs {
					return "", err
				}
			}
			return verb + f.path, s.draft(text)
		},
		do: func(context.Context) error {
			if err := s.markStale(); err != nil {
				return err
			}
			return file{path: s.config(), data: text, mode: 0o640}.write(s.owner)
		},
	}
}

// draft checks the text as the server would, before it is in force: with the API key in a file that is there already.
func (s *setup) draft(text []byte) (err error) {
	dir, err := os.MkdirTemp("", "pack-registry-") // 0700
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, draft := filepath.Join(dir, "key"), filepath.Join(dir, "config.yml")
	if err := os.WriteFile(key, []byte(s.given.Palette.APIKey), 0o600); err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(s.paletteKey()), []byte(key))
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return err
	}
	if _, _, err := config.Load(draft, s.Environ); err != nil {
		return errors.New(strings.NewReplacer(draft, s.config(), key, s.paletteKey()).Replace(err.Error()))
	}
	s.drafted = s.DryRun
	return nil
}

func (s *setup) markStale() error {
	return file{path: s.stale(), mode: 0o600}.write(owner{})
}

// adopt takes the answers from the configuration that is there, for a run that was told nothing.
func (a *Answers) adopt(p paths, environ []string) error {
	if there, err := exists(p.config()); !there || err != nil || a.any {
		return err
	}
	// What a person wrote is settings refused for, not here.
	if _, wrote, _, err := readOwn(p.config()); wrote == "" || err != nil {
		return err
	}
	cfg, _, err := config.Load(p.config(), environ)
	if err != nil {
		return err
	}
	a.kept = true
	a.Data = cfg.Storage.Root
	if _, a.Port, err = net.SplitHostPort(cfg.HTTP.Addr); err != nil {
		return err
	}
	switch t := cfg.HTTP.TLS; {
	case t.Certificate == filepath.Join(p.tlsDir(), certs.CertFile):
		a.TLS.Mode = tlsPrivate
	case t.Certificate != "":
		a.TLS.Mode = tlsFiles
	case t.Enabled():
		a.TLS.Mode, a.Names = tlsACME, t.LetsEncrypt.Hosts
	default:
		a.TLS.Mode = tlsNone
	}
	return nil
}
