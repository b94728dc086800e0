// Package client speaks to the REST face of a registry (/api/v1): the CLI and mirrors use it.
//
// All methods take a context and may be called concurrently. What the server refuses is a
// *pack.Error with the server's own code, sentence and findings; a server that cannot be
// reached, or that is no registry, is a *NetworkError. Archives are streamed.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// Options say which server to speak to, and as whom.
type Options struct {
	// Server is host[:port], or a URL with http or https and maybe a path prefix. It is spoken to by TLS, on port
	// 443 where none is written, unless Insecure is set or it is on this machine.
	Server string
	// Insecure does not verify certificates, and speaks plain HTTP (on port 80 where none is written) where the
	// server does not speak TLS. Loopback addresses get plain HTTP without it. TLS is tried first even where http://
	// is written, so that no password goes out in clear where it need not; https:// is never spoken to in plain.
	Insecure bool
	// CAFiles hold further trusted certificates as PEM.
	CAFiles []string
	// CAHint and LoginHint end a sentence about a certificate that is not trusted (a path), or about credentials
	// that are missing (a command); "" says nothing.
	CAHint, LoginHint string
	// Username and Password are sent with every request (Basic); an empty Username sends nothing.
	Username, Password string
	// Namespace is the one that packs are looked for in; "" is default.
	Namespace string
	// UserAgent names the program and its version.
	UserAgent string
	// Attempts bounds how often a request that is safe to repeat is tried; 0 is 4.
	Attempts int
	// Sleep waits between attempts; nil is the clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// Proxy chooses the proxy of a request; nil is the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
	Proxy func(*http.Request) (*url.URL, error)
}

// Client is a server and an account on it.
type Client struct {
	o     Options
	http  *http.Client
	place *place
	// silence bounds how long a transfer may stand still.
	silence time.Duration
	// longest bounds one JSON answer, unpacked, in bytes.
	longest int64
	// consumer is the name under which the feed is read.
	consumer string
}

// New makes a Client. It reads the CA files and asks nothing of the server. Its error is of pack.KindInvalid.
func New(o Options) (*Client, error) {
	place, err := newPlace(o)
	if err != nil {
		return nil, err
	}
	if o.Namespace == "" {
		o.Namespace = pack.DefaultNamespace
	}
	if o.Attempts == 0 {
		o.Attempts = 4
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	return &Client{
		o: o, place: place, silence: silence, longest: maxAnswer,
		// A redirect would carry the password elsewhere. The one that archives answer is followed without: see follow.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Server is the server as it was named.
func (c *Client) Server() string { return c.o.Server }

// Namespace is the namespace that packs are looked for in.
func (c *Client) Namespace() string { return c.o.Namespace }

// In is the same client with another namespace.
func (c *Client) In(namespace string) *Client {
	other := *c
	other.o.Namespace = namespace
	return &other
}

// Hasty is the same client, which asks once and does not wait for a server that is busy or away.
func (c *Client) Hasty() *Client {
	other := *c
	other.o.Attempts = 1
	return &other
}

// request is one question to the server.
type request struct {
	method string
	path   string // below /api/v1, escaped
	query  url.Values
	header http.Header
	body   func() (io.Reader, error) // makes the body anew for each attempt; nil is none
	size   int64                     // of the body, bytes
	lost   bool                      // set when an attempt was sent whose answer never came
	follow bool                      // a redirect to the registry's store
}

// segment escapes one part of a path.
func segment(s string) string { return url.PathEscape(s) }

// packPath is the path of a pack and what lies below it.
func packPath(name string, more ...string) string {
	p := "/packs/" + segment(name)
	for _, m := range more {
		p += "/" + m
	}
	return p
}

// url is where a request goes, below the base of all URLs.
func (c *Client) url(base *url.URL, r *request) string {
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	if !q.Has("namespace") && c.o.Namespace != pack.DefaultNamespace {
		q.Set("namespace", c.o.Namespace)
	}
	u := strings.TrimSuffix(base.String(), "/") + "/api/v1" + r.path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

// answer asks and decodes the JSON answer into v, unless v is nil.
func (c *Client) answer(ctx context.Context, r *request, v any) (status int, err error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if v == nil || resp.StatusCode == http.StatusNoContent {
		_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return resp.StatusCode, c.broken(ctx, err)
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return resp.StatusCode, c.stranger(fmt.Sprintf("it answered with %q instead of JSON", kind))
	}
	if err := json.NewDecoder(c.bounded(resp.Body, c.longest, "its answer")).Decode(v); err != nil {
		return resp.StatusCode, c.broken(ctx, err)
	}
	return resp.StatusCode, nil
}

// remove asks for a deletion. That it is gone already is no failure where an answer was lost: it was this client.
func (c *Client) remove(ctx context.Context, r *request) error {
	_, err := c.answer(ctx, r, nil)
	if r.lost && pack.IsKind(err, pack.KindNotFound) {
		return nil
	}
	return err
}
