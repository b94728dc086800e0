package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"packregistry/internal/pack"
)

const (
	// dialTime bounds the way to a connection, and a TLS handshake.
	dialTime = 15 * time.Second
	// answerTime bounds how long a server may think about a request that it has read wholly. It checks and stores whole archives in that time.
	answerTime = 5 * time.Minute
	// silence bounds how long nothing may move in the middle of a transfer. The server holds a poll for at most one minute.
	silence = 2 * time.Minute
)

// newTransport bounds every wait for the server; a transfer that moves may take as long as it needs.
func newTransport(o Options) (*http.Transport, error) {
	pool, err := TrustedRoots(o.CAFiles)
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, InsecureSkipVerify: o.Insecure}
	if o.Proxy != nil {
		t.Proxy = o.Proxy
	}
	t.DialContext = (&net.Dialer{Timeout: dialTime}).DialContext
	t.ForceAttemptHTTP2 = true
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: dialTime}
	t.MaxIdleConnsPerHost = 16
	t.TLSHandshakeTimeout = dialTime
	t.ResponseHeaderTimeout = answerTime
	t.ExpectContinueTimeout = 2 * time.Second
	t.OnProxyConnectResponse = func(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &proxyError{proxy: proxy.Host, status: resp.StatusCode, text: cmp.Or(resp.Status, http.StatusText(resp.StatusCode))}
		}
		return nil
	}
	return t, nil
}

// TrustedRoots are the system's authorities and those of the files (PEM); nil stands for the system's alone. What is wrong with a
// file is pack.KindInvalid.
func TrustedRoots(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // none on this system
	}
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil {
			return nil, pack.Wrap(pack.KindInvalid, err, "the CA file %s cannot be read", f)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, pack.Errorf(pack.KindInvalid, "", "the CA file %s holds no certificate in PEM form", f)
		}
	}
	return pool, nil
}

// proxyError is a proxy's refusal to open a way to the server.
type proxyError struct {
	proxy  string
	status int
	text   string
}

func (e *proxyError) Error() string { return "the proxy " + e.proxy + " answered " + e.text }
