package palette

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"packregistry/internal/pack"
)

// unreachable says in one sentence why there was no answer, and what mends it.
func (c *Client) unreachable(r *request, clean redactor, err error) *attempt {
	var outer *url.Error
	if errors.As(err, &outer) { // it repeats method and URL
		err = outer.Err
	}
	reason, final, unheard := c.reason(err)
	return &attempt{
		err: &pack.Error{
			Kind: pack.KindUnavailable, Code: "palette_unreachable", Err: clean.wrap(withoutProxy(err)),
			Message: clean.clean(fmt.Sprintf("Palette at %s cannot be asked to %s: %s", c.base.Host, r.what, reason)),
		},
		again: !final, unheard: unheard,
	}
}

// withoutProxy hides the address of a proxy that cannot be read: net/http repeats it, with the password in it.
func withoutProxy(err error) error {
	if strings.Contains(err.Error(), "invalid proxy address") {
		return errors.New("invalid proxy address")
	}
	return err
}

// reason is why a request failed; final when asking again is no use, unheard when Palette has not got it.
func (c *Client) reason(err error) (text string, final, unheard bool) {
	var (
		op      *net.OpError
		name    *net.DNSError
		slow    net.Error
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		proxy   *proxyError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is of an authority that is not trusted here; give its CA certificate", true, true
	case errors.As(err, &host):
		return "its certificate is not for " + c.base.Hostname() + "; name the address as the certificate does", true, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Sprintf("its certificate holds from %s to %s; renew it there, and see whether the clock here is right",
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly)), true, true
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "its certificate does not hold", true, true
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS on this port", true, true
	case errors.As(err, &proxy) && proxy.status == http.StatusProxyAuthRequired:
		return "the proxy wants a login; put user and password into HTTPS_PROXY", true, true
	case errors.As(err, &proxy):
		return proxy.Error() + "; put " + c.base.Hostname() + " into NO_PROXY to go without it", proxy.status < 500, true
	case strings.Contains(err.Error(), "invalid proxy address"):
		return "the address of the proxy cannot be read; look at HTTPS_PROXY and HTTP_PROXY", true, true
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy cannot be reached; look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY", false, true
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host of that name; look at the address and at DNS", false, true
	case errors.As(err, &name):
		return "its name could not be looked up; look at DNS", false, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there; is the port right?", false, true
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection could be made; look at routes and firewalls", false, true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "it did not answer in time", false, false
	}
	return "the connection broke off", false, false
}
