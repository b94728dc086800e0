package palette

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// dialTime bounds the way to a connection, and a TLS handshake.
const dialTime = 15 * time.Second

// parseURL reads the address of a Palette. What people copy from a browser or from the vendor's
// samples is taken too: a missing scheme, a slash or /v1 at the end.
func parseURL(text string) (*url.URL, error) {
	invalid := func(why string) (*url.URL, error) {
		return nil, pack.Errorf(pack.KindInvalid, "palette_url_invalid", "the address of Palette %s; write https://api.spectrocloud.com, or the domain of a self-hosted Palette", why)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return invalid("is missing")
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "", u.Opaque != "": // the text may hold a password, so it is not repeated
		return invalid("cannot be read")
	case u.User != nil:
		return invalid("must not hold a user or password")
	case u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return invalid("must not hold a query or fragment")
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid("must begin with https://")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return invalid("must begin with https://: a key sent in clear is anybody's")
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: path}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.Unmap().IsLoopback())
}

func newTransport(o Options) (*http.Transport, error) {
	var pool *x509.CertPool
	if len(o.CA) > 0 {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool() // none on this system
		}
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, pack.Errorf(pack.KindInvalid, "palette_ca_invalid", "the CA for Palette holds no certificate in PEM form")
		}
	}
	proxy := o.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		TLSHandshakeTimeout: dialTime,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return &proxyError{resp.StatusCode}
			}
			return nil
		},
	}, nil
}

// proxyError is a proxy's refusal to open a way to Palette.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprint("the proxy answered ", e.status) }
