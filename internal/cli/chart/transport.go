package chart

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"packregistry/internal/client"
)

// NewHTTP makes the client that charts are fetched with. caFiles hold certificates (PEM) to be trusted beside the system's; insecure
// trusts any. Everything it waits for is bounded.
func NewHTTP(caFiles []string, insecure bool) (*http.Client, error) {
	pool, err := client.TrustedRoots(caFiles)
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, InsecureSkipVerify: insecure}
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 2 * time.Minute
	// The longest that the largest chart may take: 64 MiB at 75 kB/s.
	return &http.Client{Transport: t, Timeout: 15 * time.Minute}, nil
}

// unreachable is the error of a request that had no answer, with the flag that mends it where there is one.
func unreachable(host string, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // without the address, which may hold a password
	}
	reason := "it cannot be asked for the chart: " + err.Error()
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		reason += "; name the CA certificate to trust with --ca-file, or verify none with --insecure"
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		reason += "; fetch it without TLS with --plain-http"
	}
	return &client.NetworkError{Server: host, Reason: reason, Err: err}
}
