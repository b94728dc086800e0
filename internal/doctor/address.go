package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const dialTimeout = 5 * time.Second

// parse reads the address.
func (e *exam) parse() error {
	text := strings.TrimSpace(e.o.Address)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("%q is no address; write https://host, with :port when it is not 443", e.o.Address)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s:// is no address of a registry; write https://host", u.Scheme)
	case u.User != nil:
		return errors.New("the address must not hold credentials: everyone can read a command line; use --user and --password-stdin")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the address ends with the host, or the prefix that the server lives under")
	}
	e.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	for _, api := range []string{"/v1", "/v2", "/api/v1"} {
		// People copy the address from a browser (palette-contract 3.4 has a client that strips it too).
		if rest, ok := strings.CutSuffix(e.base.Path, api); ok {
			e.base.Path = strings.TrimRight(rest, "/")
			break
		}
	}
	e.secure = u.Scheme == "https"
	if e.port = u.Port(); e.port == "" {
		e.port = "80"
		if e.secure {
			e.port = "443"
		}
	}
	return nil
}

// resolve looks the name up, and at the proxies that stand between.
func (e *exam) resolve(ctx context.Context) bool {
	host := e.base.Hostname()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		e.fail("name", fmt.Sprintf("%s cannot be resolved: %s", host, plain(err)),
			"add a DNS record that Palette's clusters see too, or use the server's IP address, which must then be in the certificate")
		return false
	}
	var list []string
	loopback, private := true, true
	for _, a := range addresses {
		a = a.Unmap()
		list = append(list, a.String())
		loopback = loopback && a.IsLoopback()
		private = private && (a.IsPrivate() || a.IsLoopback())
	}
	e.ips = list
	detail := host + " is " + strings.Join(list, ", ")
	if host == list[0] || strings.Trim(host, "[]") == list[0] {
		detail = host + " is an IP address"
	}
	switch {
	case loopback:
		e.warn("name", detail+": this machine itself", "Palette needs an address that its own network reaches; examine that one")
	case private:
		e.ok("name", detail+" (private: a self-hosted Palette reaches it, the SaaS does not)")
	default:
		e.ok("name", detail)
	}
	e.examineProxies()
	return true
}

// examineProxies says whether the clients on this machine would go through a proxy.
func (e *exam) examineProxies() {
	p := e.o.Proxies
	used, variable := p.HTTPS, "HTTPS_PROXY"
	if !e.secure {
		used, variable = p.HTTP, "HTTP_PROXY"
	}
	host := e.base.Hostname()
	switch {
	case used == "":
		e.ok("proxy", variable+" is not set here")
	case bypasses(p.No, host, e.port):
		e.ok("proxy", variable+" is set, and NO_PROXY lets "+host+" past it")
	default:
		e.warn("proxy", variable+" is set, and NO_PROXY does not name "+host+": curl, oras and docker would go through the proxy (this examination does not)",
			"add "+host+" to NO_PROXY here, and to the no-proxy list of Palette's clusters")
	}
}

// bypasses reads NO_PROXY as Go programs do: names with all below them, addresses, networks, and * for all.
func bypasses(no, host, port string) bool {
	ip := net.ParseIP(host)
	if strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return true
	}
	for item := range strings.SplitSeq(no, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if h, p, err := net.SplitHostPort(item); err == nil {
			if p != port {
				continue
			}
			item = h
		}
		if item == "" {
			continue
		}
		if item == "*" {
			return true
		}
		if ip != nil {
			if _, network, err := net.ParseCIDR(item); err == nil && network.Contains(ip) {
				return true
			}
			if other := net.ParseIP(item); other != nil && other.Equal(ip) {
				return true
			}
			continue
		}
		item = strings.TrimPrefix(item, "*")
		name := strings.TrimPrefix(item, ".")
		lower := strings.ToLower(host)
		if strings.HasSuffix(lower, "."+name) || (lower == name && !strings.HasPrefix(item, ".")) {
			return true
		}
	}
	return false
}

// maxAddresses is how many addresses of a name are tried.
const maxAddresses = 8

// connect tries the port of every address that the name has: a client takes any of them.
func (e *exam) connect(ctx context.Context) bool {
	var answers, dead []string
	var first error
	for _, ip := range e.ips[:min(len(e.ips), maxAddresses)] {
		address := net.JoinHostPort(ip, e.port)
		conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
		if err != nil {
			dead = append(dead, address)
			if first == nil {
				first = err
			}
			continue
		}
		conn.Close()
		answers = append(answers, address)
	}
	switch {
	case len(answers) == 0 && errors.Is(first, syscall.ECONNREFUSED):
		e.fail("port", strings.Join(dead, ", ")+" refuses the connection", "nothing listens there: start the server, or type the port that it is published on")
	case len(answers) == 0:
		e.fail("port", fmt.Sprintf("%s does not answer: %s", strings.Join(dead, ", "), plain(first)),
			"see that the server runs and listens there (http.addr), and that no firewall stands between")
	case len(dead) > 0:
		e.warn("port", fmt.Sprintf("%s answers, but not %s: %s", strings.Join(answers, ", "), strings.Join(dead, ", "), plain(first)),
			"clients take any of a name's addresses: take what does not answer out of the DNS, or let the server listen there")
	default:
		e.ok("port", strings.Join(answers, ", ")+" answers")
	}
	return len(answers) > 0
}

// address is host:port for dialling.
func (e *exam) address() string { return net.JoinHostPort(e.base.Hostname(), e.port) }

// plain is the innermost text of an error, without the address that is told beside it.
func plain(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case errors.As(err, &op) && op.Timeout():
		return "no answer in time"
	case errors.As(err, &op):
		return op.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return err.Error()
}
