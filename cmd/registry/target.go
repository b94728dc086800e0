package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"

	"packregistry/internal/certs"
	"packregistry/internal/config"
)

// target is how a client on this machine reaches the server.
type target struct {
	url string // scheme, host, port and prefix; no slash at the end
	// curlOptions makes curl trust the certificate; ends with a blank, or is empty.
	curlOptions string
	serverName  string // for TLS
}

// baseURL finds a name the server's certificate holds, with the real port.
func baseURL(cfg *config.Config, addr net.Addr) target {
	host, port := "localhost", ""
	if configured, _, err := net.SplitHostPort(cfg.HTTP.Addr); err == nil {
		if ip := net.ParseIP(configured); configured != "" && (ip == nil || !ip.IsUnspecified()) {
			host = configured
		}
	}
	if _, p, err := net.SplitHostPort(addr.String()); err == nil {
		port = p
	}
	scheme, t, standard := "http", target{}, "80"
	if tlsSettings := cfg.HTTP.TLS; tlsSettings.Enabled() {
		scheme, standard = "https", "443"
		if len(tlsSettings.LetsEncrypt.Hosts) > 0 {
			host = tlsSettings.LetsEncrypt.Hosts[0]
		} else {
			host, t.curlOptions = certificateHost(tlsSettings.Certificate, tlsSettings.Key, host)
		}
		if len(tlsSettings.ClientCAs) > 0 {
			t.curlOptions += "--cert client.crt --key client.key "
		}
	}
	t.serverName = host
	t.url = scheme + "://" + net.JoinHostPort(host, port) + cfg.HTTP.Prefix
	if port == standard {
		t.url = scheme + "://" + strings.TrimSuffix(net.JoinHostPort(host, ""), ":") + cfg.HTTP.Prefix
	}
	return t
}

// certificateHost keeps the host when the certificate is for it, else takes the
// first name of the certificate. A self-signed one has to be shown to curl, and so has the
// authority of "registry admin cert", which lies beside it.
func certificateHost(certificate, key, host string) (name, curlOptions string) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return host, ""
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return host, ""
	}
	trusted := ""
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		trusted = certificate
	} else if beside := filepath.Join(filepath.Dir(certificate), certs.CAFile); issued(beside, leaf) {
		trusted = beside
	}
	if trusted != "" {
		curlOptions = "--cacert " + shellQuote(absolute(trusted)) + " "
	}
	if leaf.VerifyHostname(host) == nil {
		return host, curlOptions
	}
	for _, n := range leaf.DNSNames {
		if !strings.Contains(n, "*") {
			return n, curlOptions
		}
	}
	for _, ip := range leaf.IPAddresses {
		return ip.String(), curlOptions
	}
	return host, curlOptions
}

// issued reports whether the authority in a file has signed the certificate.
func issued(caFile string, leaf *x509.Certificate) bool {
	text, err := os.ReadFile(caFile)
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots})
	return err == nil
}
