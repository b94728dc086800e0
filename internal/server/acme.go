package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// acmeALPN is the protocol of tls-alpn-01 challenges (RFC 8737).
const acmeALPN = acme.ALPNProto

// ACMEOptions say how to get certificates.
type ACMEOptions struct {
	CacheDir   string // made when missing; keeps the account key and the certificates
	Email      string
	Hosts      []string
	Directory  string // URL; "" is Let's Encrypt
	CA         string // PEM file with authorities trusted for the directory; "" the system's
	HTTPAddr   string // listener for http-01; "" none
	MinimumTLS string
	Log        *slog.Logger
}

// FromACME makes a TLS configuration that gets and renews its certificates
// through ACME (tls-alpn-01 on the listener itself; http-01 when HTTPAddr can be
// taken: it may not, as a plain user on port 80, and then that is a warning). The
// http-01 listener ends with ctx; it redirects everything else to https.
func FromACME(ctx context.Context, o ACMEOptions) (*tls.Config, error) {
	version, err := Version(o.MinimumTLS)
	if err != nil {
		return nil, fmt.Errorf("http.tls.minimumtls: %w", err)
	}
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("http.tls.letsencrypt.cachefile: %w", err)
	}
	client := &acme.Client{DirectoryURL: o.Directory, UserAgent: "pack-registry"}
	if o.Directory == "" {
		client.DirectoryURL = acme.LetsEncryptURL
	}
	if o.CA != "" {
		pool, err := Pool(o.CA)
		if err != nil {
			return nil, fmt.Errorf("http.tls.letsencrypt.ca: %w", err)
		}
		client.HTTPClient = &http.Client{
			Timeout:   time.Minute,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		}
	}
	known := autocert.HostWhitelist(o.Hosts...)
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(o.CacheDir), Email: o.Email, Client: client,
		HostPolicy: func(ctx context.Context, host string) error {
			// An http-01 check on another port than 80 has that port in its Host.
			if name, _, err := net.SplitHostPort(host); err == nil {
				host = name
			}
			return known(ctx, host)
		},
	}
	if o.HTTPAddr != "" {
		if err := serveHTTP01(ctx, o.HTTPAddr, m, o.Log); err != nil {
			o.Log.Warn("no listener for http-01 challenges; tls-alpn-01 remains", "address", o.HTTPAddr, "error", err)
		}
	}
	cfg := m.TLSConfig()
	cfg.MinVersion = version
	get := cfg.GetCertificate
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := get(hello)
		if err != nil {
			o.Log.Debug("no certificate", "host", hello.ServerName, "error", err)
		}
		return cert, err
	}
	return cfg, nil
}

func serveHTTP01(ctx context.Context, addr string, m *autocert.Manager, log *slog.Logger) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: m.HTTPHandler(nil), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readHeaderTimeout,
		WriteTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); ctx.Err() == nil {
			log.Error("the listener for http-01 challenges ended", "error", err)
		}
	}()
	return nil
}
