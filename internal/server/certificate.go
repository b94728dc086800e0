package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lookAgain is how often the files are looked at, at most; only handshakes cause looks.
const lookAgain = 2 * time.Second

// maxPEM bounds a file with certificates.
const maxPEM = 4 << 20

// FileOptions name the files of a TLS listener.
type FileOptions struct {
	Certificate, Key string   // PEM; the certificate with its chain
	ClientCAs        []string // PEM; a client must show a certificate of one of them
	MinimumTLS       string   // tls1.0 to tls1.3; "" is tls1.2
	Log              *slog.Logger
	Now              func() time.Time
}

// Version returns crypto/tls's number of tls1.0 to tls1.3.
func Version(name string) (uint16, error) {
	switch name {
	case "tls1.0":
		return tls.VersionTLS10, nil
	case "tls1.1":
		return tls.VersionTLS11, nil
	case "", "tls1.2":
		return tls.VersionTLS12, nil
	case "tls1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%q is no TLS version; use tls1.0, tls1.1, tls1.2 or tls1.3", name)
}

// FromFiles makes a TLS configuration that follows its files: they are looked at
// when a client connects, at most each two seconds. Files that are broken or gone
// leave the last good ones in force and are logged once. At the start they must
// be good.
func FromFiles(o FileOptions) (*tls.Config, error) {
	f := &files{o: o}
	cfg, err := f.load()
	if err != nil {
		return nil, err
	}
	f.current.Store(cfg)
	f.marks, f.looked = f.stat(), o.Now()
	outer := cfg.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.get(), nil }
	return outer, nil
}

type files struct {
	o       FileOptions
	current atomic.Pointer[tls.Config]

	mu     sync.Mutex
	looked time.Time
	marks  string // what the files looked like when they were last read
	broken bool
}

// get returns the configuration for a handshake.
func (f *files) get() *tls.Config {
	// Whoever comes while another one reads takes what is there.
	if f.mu.TryLock() {
		defer f.mu.Unlock()
		if now := f.o.Now(); now.Sub(f.looked) >= lookAgain || now.Before(f.looked) {
			f.looked = now
			f.reload()
		}
	}
	return f.current.Load()
}

func (f *files) reload() {
	// The marks are taken before reading: a change in between is seen next time. A
	// half-copied pair does not load, and is tried again although its marks are the same.
	marks := f.stat()
	if marks == f.marks && !f.broken {
		return
	}
	cfg, err := f.load()
	if err != nil {
		if !f.broken {
			f.o.Log.Error("the TLS files cannot be used; the last good ones stay in force", "error", err)
		}
		f.broken = true
		return
	}
	f.current.Store(cfg)
	f.marks, f.broken = marks, false
	f.o.Log.Info("the TLS files were read again")
}

// stat describes the state of all files.
func (f *files) stat() string {
	var s string
	for _, path := range append([]string{f.o.Certificate, f.o.Key}, f.o.ClientCAs...) {
		if fi, err := os.Stat(path); err == nil {
			s += fmt.Sprintf("%d %d %d;", fi.Size(), fi.ModTime().UnixNano(), inode(fi))
		} else {
			s += "gone;"
		}
	}
	return s
}

func (f *files) load() (*tls.Config, error) {
	version, err := Version(f.o.MinimumTLS)
	if err != nil {
		return nil, fmt.Errorf("http.tls.minimumtls: %w", err)
	}
	certPEM, err := readPEM(f.o.Certificate)
	if err != nil {
		return nil, fmt.Errorf("http.tls.certificate: %w", err)
	}
	keyPEM, err := readPEM(f.o.Key)
	if err != nil {
		return nil, fmt.Errorf("http.tls.key: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("http.tls.certificate and http.tls.key do not make a pair: %w", err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, NextProtos: []string{"h2", "http/1.1"}}
	if len(f.o.ClientCAs) > 0 {
		if cfg.ClientCAs, err = Pool(f.o.ClientCAs...); err != nil {
			return nil, fmt.Errorf("http.tls.clientcas: %w", err)
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// RequireClients makes an ACME listener demand client certificates too, of
// everyone but the authority's tls-alpn-01 check: that speaks nothing but its own
// protocol, after which the connection is closed (RFC 8737 section 3).
func RequireClients(cfg *tls.Config, clientCAs []string) error {
	pool, err := Pool(clientCAs...)
	if err != nil {
		return fmt.Errorf("http.tls.clientcas: %w", err)
	}
	check := cfg.Clone()
	check.NextProtos = []string{acmeALPN}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Equal(hello.SupportedProtos, []string{acmeALPN}) {
			return check, nil
		}
		return nil, nil //nolint:nilnil // crypto/tls: nil means the configuration as it is
	}
	cfg.NextProtos = []string{"h2", "http/1.1"}
	cfg.ClientCAs, cfg.ClientAuth = pool, tls.RequireAndVerifyClientCert
	return nil
}

// Pool reads the certificates of PEM files.
func Pool(paths ...string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, path := range paths {
		text, err := readPEM(path)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no PEM certificate", path)
		}
	}
	return pool, nil
}

func readPEM(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxPEM {
		return nil, errors.New(path + " is no PEM file")
	}
	return os.ReadFile(path)
}
