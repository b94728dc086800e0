// Package palette speaks to the management API of Spectro Cloud Palette, as far as a private pack
// registry needs it: the registry entries of the legacy kind and of the OCI kind with Basic
// login, their syncs, and what Palette shows of a pack.
//
// Where a comment names a "contract" it means the collected facts about Palette; the section says
// which are documented by the vendor and which were only observed. All methods take a context
// and may be called concurrently. Every error is a *pack.Error whose message is one sentence for
// the person who set the connection up; below it lies a *Refusal when Palette itself answered.
// Secrets are in no error and no log.
package palette

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"packregistry/internal/pack"
)

const (
	// defaultTimeout bounds one attempt: a validate makes Palette connect to the registry and back.
	defaultTimeout  = time.Minute
	defaultAttempts = 4
)

// Options say which Palette to speak to, and as whom.
type Options struct {
	// URL is where the API lives: https://api.spectrocloud.com, or the domain of a self-hosted Palette; also without https://.
	// Plain HTTP is spoken on this machine only.
	URL string
	// Login is who asks.
	Login Login
	// CA holds further trusted certificates as PEM; nil is the system's alone.
	CA []byte
	// UserAgent names the program and its version.
	UserAgent string
	// Timeout bounds one attempt of a request; 0 is one minute.
	Timeout time.Duration
	// Attempts bounds how often a request is tried; 0 is 4.
	Attempts int
	// Now is the clock.
	Now func() time.Time
	// Sleep waits; nil is the clock's. It returns the context's error when that ends first.
	Sleep func(ctx context.Context, d time.Duration) error
	// Proxy chooses the proxy of a request; nil is the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
	Proxy func(*http.Request) (*url.URL, error)
}

// Client is one Palette and an account there.
type Client struct {
	o       Options
	base    *url.URL
	http    *http.Client
	pace    *pace
	session session
}

// New makes a Client; nothing is asked of Palette yet. Its error is of pack.KindInvalid.
func New(o Options) (*Client, error) {
	base, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if err := o.Login.check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		return nil, pack.Errorf(pack.KindInternal, "", "the Palette client needs a clock")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	return &Client{
		o: o, base: base, pace: &pace{gap: time.Second / requestsPerSecond, now: o.Now, sleep: o.Sleep},
		session: session{lock: make(chan struct{}, 1)},
		// A redirect would carry the API key elsewhere: net/http drops only headers that it knows for secrets.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// URL is the address of Palette, without the paths of its API.
func (c *Client) URL() string { return c.base.String() }

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
