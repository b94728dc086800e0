package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/config"
	"packregistry/internal/connect"
	"packregistry/internal/doctor"
	"packregistry/internal/palette"
)

// examiner has the doctor look at the address that Palette is given.
func examiner(cfg *config.Config) connect.Examiner {
	return func(ctx context.Context, address string, kind palette.Kind, user, password string) (*connect.Examination, error) {
		anchors, err := anchorsFor(ctx, cfg, address)
		if err != nil {
			return nil, err
		}
		r, err := doctor.Examine(ctx, doctor.Options{Address: address, User: user, Password: password, CA: anchors, Now: time.Now})
		if err != nil {
			return nil, err
		}
		e := &connect.Examination{}
		for _, c := range r.Checks {
			if c.Status == doctor.Failed {
				e.Failed = append(e.Failed, c.Name+": "+c.Detail+" -> "+c.Mend)
			}
		}
		for _, f := range r.Forms {
			if (f.Kind == "oci") == (kind == palette.KindOCI) {
				e.Endpoint, e.BasePath, e.Certificate, e.Manifests = f.Endpoint, f.BasePath, f.Certificate, f.ManifestPaths
			}
		}
		return e, nil
	}
}

// anchorsFor finds the authorities by which the certificate at the address holds: palette.ca; else the system's, which is
// nil and gives Palette nothing to trust; else what lies beside the server's own certificate, and at last that itself.
func anchorsFor(ctx context.Context, cfg *config.Config, address string) ([]byte, error) {
	var given []byte
	if cfg.Palette.CA != "" {
		var err error
		if given, err = readCA(cfg.Palette.CA); err != nil {
			return nil, err
		}
	}
	candidates := [][]byte{given, nil}
	if own := cfg.HTTP.TLS.Certificate; own != "" {
		for _, path := range []string{filepath.Join(filepath.Dir(own), certs.CAFile), own} {
			text, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
				return nil, err
			}
			if len(text) > 0 {
				candidates = append(candidates, slices.Concat(given, []byte("\n"), text))
			}
		}
	}
	for i, c := range candidates {
		if (c != nil || i > 0) && holds(ctx, address, c) {
			return c, nil
		}
	}
	return given, nil // the doctor tells what is wrong
}

// handshakeTime bounds one try.
const handshakeTime = 10 * time.Second

// holds tries a handshake.
func holds(ctx context.Context, address string, anchors []byte) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if anchors != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(anchors)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", host)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
