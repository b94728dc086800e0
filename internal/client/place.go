package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"packregistry/internal/pack"
)

// probeTime bounds one question whether a server speaks TLS, or HTTP.
const probeTime = 30 * time.Second

// place is where a server is: whether it is spoken to by TLS or in plain. Where plain HTTP is allowed it is found out
// before a password is sent, and remembered; all clients made of one share it.
type place struct {
	address Address
	base    atomic.Pointer[url.URL] // scheme, host and path, without a slash at the end; nil until known
	turn    chan struct{}           // holds a token while somebody asks
}

// newPlace refuses plain HTTP where the password would go over a network in clear without anybody having said so.
func newPlace(o Options) (*place, error) {
	a, err := ParseAddress(o.Server)
	if err != nil {
		return nil, err
	}
	p := &place{address: a, turn: make(chan struct{}, 1)}
	plain := o.Insecure || a.Loopback()
	if a.Scheme == "http" && !plain {
		return nil, pack.Errorf(pack.KindInvalid, "server_plain",
			"%s would get the password in clear; leave http:// out if the server speaks TLS, else log in to it with --insecure", o.Server)
	}
	if a.Scheme == "https" || !plain {
		p.base.Store(a.url("https"))
	}
	return p, nil
}

// find gives the base of all URLs.
func (c *Client) find(ctx context.Context) (*url.URL, error) {
	p := c.place
	if base := p.base.Load(); base != nil {
		return base, nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if base := p.base.Load(); base != nil {
		return base, nil
	}
	scheme, err := c.scheme(ctx)
	if err != nil {
		return nil, err
	}
	base := p.address.url(scheme)
	p.base.Store(base)
	return base, nil
}

// scheme asks by TLS first. Plain HTTP is for a server of which it is certain that it speaks no TLS, but HTTP: a
// handshake that was only disturbed must not bring a password onto the wire.
func (c *Client) scheme(ctx context.Context) (string, error) {
	refused := c.probeTLS(ctx)
	if refused == nil {
		return "https", nil
	}
	if ctx.Err() != nil || !c.mayBePlain(refused) {
		return "", refused
	}
	resp, err := c.probe(ctx, "http")
	if err != nil {
		if ctx.Err() == nil && isNotTLS(refused) {
			return "", err
		}
		return "", refused
	}
	switch {
	case resp.StatusCode == http.StatusBadRequest: // how servers answer plain HTTP where they speak TLS
		return "", refused
	case strings.HasPrefix(strings.ToLower(resp.Header.Get("Location")), "https:"):
		return "", c.redirected(resp)
	}
	return "http", nil
}

// mayBePlain reports whether a failed handshake leaves room for plain HTTP.
func (c *Client) mayBePlain(err error) bool {
	if isNotTLS(err) {
		return true
	}
	// Nobody on port 443, while plain HTTP would be on port 80.
	var op *net.OpError
	return c.place.address.Port == "" && errors.As(err, &op) && op.Op == "dial" && !errors.As(err, new(*net.DNSError))
}

// errHandshake marks what broke off in the middle of a handshake.
type errHandshake struct{ error }

func (e errHandshake) Unwrap() error { return e.error }

// isNotTLS reports whether a failed handshake looks like one with a server that does not know TLS: it answered in
// plain, or hung up.
func isNotTLS(err error) bool {
	if errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	return errors.As(err, new(errHandshake)) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isErrno(err, syscall.ECONNRESET, wsaConnReset))
}

// probeTLS gives nil when the server speaks TLS, whatever it then says, and however little its certificate is worth:
// the request that follows tells that better.
func (c *Client) probeTLS(ctx context.Context) error {
	var shook, broke atomic.Bool
	_, err := c.probe(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { shook.Store(err == nil); broke.Store(err != nil) },
	}), "https")
	switch {
	case err == nil, shook.Load(), isCertificate(err):
		return nil
	case broke.Load():
		return errHandshake{err}
	}
	return err
}

// probe asks whether the server is alive, without credentials. The answer's body is read and closed.
func (c *Client) probe(ctx context.Context, scheme string) (*http.Response, error) {
	ctx, stop := context.WithTimeout(ctx, probeTime)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.place.address.url(scheme).String()+"/health", nil)
	if err != nil {
		return nil, pack.Wrap(pack.KindInvalid, err, "the request cannot be written")
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection serves again
	return resp, nil
}
