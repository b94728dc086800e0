package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"time"

	"packregistry/internal/pack"
)

// unreachable says in one sentence why there was no answer, and what mends it.
func (c *Client) unreachable(ctx context.Context, from party, err error) error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSilent) {
		return ctx.Err()
	}
	var (
		known   *pack.Error
		network *NetworkError
		body    *bodyError
		outer   *url.Error
	)
	switch {
	case errors.As(err, &body): // ours failed, not the server
		return body.error
	case errors.As(err, &known):
		return known
	case errors.As(err, &network):
		return network
	case errors.As(err, &outer): // it repeats method and URL
		err = outer.Err
	}
	reason, final := c.sentence(ctx, from, err)
	return c.failed(from, reason, err, final)
}

// sentence is the reason of a failure, and whether asking again is no use.
func (c *Client) sentence(ctx context.Context, from party, err error) (reason string, final bool) {
	var (
		name  *net.DNSError
		op    *net.OpError
		proxy *proxyError
		alert tls.AlertError
		slow  net.Error
	)
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		return errSilent.Error(), false
	case isCertificate(err):
		return c.untrusted(from, err), true
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		if from.store {
			return "it does not speak TLS", true
		}
		if c.place.address.Scheme == "https" {
			return "it does not speak TLS; if plain HTTP is wanted leave https:// out and log in with --insecure", true
		}
		return "it does not speak TLS; if plain HTTP is wanted log in with --insecure", true
	case errors.As(err, &proxy):
		if proxy.status == http.StatusProxyAuthRequired {
			return proxy.Error() + "; put user and password into the address of the proxy (HTTPS_PROXY)", true
		}
		return proxy.Error() + "; to reach the server without it put " + from.host + " into NO_PROXY", proxy.status < 500
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy cannot be reached (" + op.Err.Error() + "); look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY", false
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host named " + name.Name, true
	case errors.As(err, &name):
		return "the name " + name.Name + " could not be looked up (" + name.Err + ")", false
	case errors.As(err, &alert):
		return "it refused the TLS handshake (" + alert.Error() + ")", true
	case isErrno(err, syscall.ECONNREFUSED, wsaConnRefused):
		return "nobody listens there" + addressOf(err) + "; is the server running, and is the port right?", false
	case isErrno(err, syscall.ENETUNREACH, wsaNetUnreach), isErrno(err, syscall.EHOSTUNREACH, wsaHostUnreach):
		return "there is no way to it" + addressOf(err) + " in this network", false
	case errors.As(err, &slow) && slow.Timeout():
		return "it did not answer in time" + addressOf(err) + " (" + err.Error() + ")", false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isErrno(err, syscall.ECONNRESET, wsaConnReset), isErrno(err, syscall.EPIPE, wsaConnAborted):
		return "it closed the connection before it answered", false
	}
	return strings.TrimPrefix(err.Error(), "net/http: "), false
}

// addressOf is the address that was tried.
func addressOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return " (" + op.Addr.String() + ")"
	}
	return ""
}

// untrusted is the sentence for a certificate that does not hold. Go's own words stay in it: the vendor's documentation
// names them (contract 1.8).
func (c *Client) untrusted(from party, err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		words   = err.Error()
	)
	if i := strings.Index(words, "x509: "); i >= 0 {
		words = words[i:]
	}
	mend := "or log in with --insecure, which verifies nothing"
	switch {
	case errors.As(err, &unknown):
		ca := "have its CA certificate trusted"
		if c.o.CAHint != "" {
			ca = "put its CA certificate into " + c.o.CAHint
		}
		if from.store && c.o.CAHint != "" {
			ca = "add its CA certificate to " + c.o.CAHint + ", whose certificates are trusted for both"
		}
		return "its certificate is not trusted (" + words + "); " + ca + ", " + mend
	case errors.As(err, &name):
		if from.store {
			return "its certificate is not for " + from.host + " (" + words + "); the registry's administrator has to name it as the certificate does (storage.s3.redirectendpoint)"
		}
		return "its certificate is not for " + from.host + " (" + words + "); name the server as the certificate does, " + mend
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		until := invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
		if strings.Contains(words, " is before ") { // "current time A is before B"
			return "its certificate holds only from " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly) + " on; is the clock here right?"
		}
		return "its certificate expired on " + until + "; it has to be renewed there, " + mend
	}
	return "its certificate does not hold (" + words + ")"
}

// isCertificate reports whether TLS failed at the server's certificate.
func isCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}

// Windows has numbers of its own for what sockets say; package syscall gives them no common names.
const (
	wsaConnAborted syscall.Errno = 10053
	wsaConnReset   syscall.Errno = 10054
	wsaConnRefused syscall.Errno = 10061
	wsaNetUnreach  syscall.Errno = 10051
	wsaHostUnreach syscall.Errno = 10065
)

func isErrno(err error, unix, windows syscall.Errno) bool {
	if runtime.GOOS == "windows" {
		return errors.Is(err, windows)
	}
	return errors.Is(err, unix)
}
