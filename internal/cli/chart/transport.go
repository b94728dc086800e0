package chart

import (
	"crypto/tls"
	"net"
	"net/http"
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
