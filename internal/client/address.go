package client

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// Address is a server as people name it: host, host:port, or a URL with http or https and maybe a path.
type Address struct {
	Scheme string // http or https; "" when none was written
	Host   string // a name or an IP address, lower case, without brackets
	Port   string // "" when none was written
	Path   string // below which the server's routes live, as "/packs"; "" is none
}

// ParseAddress reads an address. Its error is of pack.KindInvalid.
func ParseAddress(server string) (Address, error) {
	invalid := func(why string) (Address, error) {
		return Address{}, pack.Errorf(pack.KindInvalid, "server_invalid", "%q is no server%s; write host, host:port or https://host:port", server, why)
	}
	text := strings.TrimSpace(server)
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		return Address{Host: strings.ToLower(text)}, nil
	}
	written := strings.Contains(text, "://")
	if !written {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Opaque != "", !isHost(u.Hostname()):
		return invalid("")
	case u.User != nil:
		return Address{}, pack.Errorf(pack.KindInvalid, "server_invalid", "a server is named without user and password; they go to login")
	case u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return invalid("")
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid(", as only http and https are spoken")
	}
	a := Address{Host: strings.ToLower(u.Hostname()), Port: u.Port(), Path: strings.TrimRight(u.EscapedPath(), "/")}
	if written {
		a.Scheme = u.Scheme
	}
	if a.Port != "" {
		n, err := strconv.Atoi(a.Port)
		if err != nil || n < 1 || n > 65535 {
			return invalid(", as a port goes from 1 to 65535")
		}
		a.Port = strconv.Itoa(n)
	}
	return a, nil
}

// isHost refuses what could also be a way through folders: names of servers are names of folders in certs.d.
func isHost(s string) bool {
	if strings.ContainsAny(s, `/\`) {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" {
			return false
		}
	}
	return true
}

// Authority is host[:port], with the port of https left out. A scheme makes no difference: http://host and host are
// the same server, spoken to in plain only where it does not speak TLS.
func (a Address) Authority() string {
	if a.Port == "" || a.Port == "443" {
		return bracketed(a.Host)
	}
	return net.JoinHostPort(a.Host, a.Port)
}

// Name is the one name of the server whichever way it was spelt: authority and path.
func (a Address) Name() string { return a.Authority() + a.Path }

// Loopback reports whether the server is on this machine for certain.
func (a Address) Loopback() bool {
	ip, err := netip.ParseAddr(a.Host)
	return a.Host == "localhost" || (err == nil && ip.Unmap().IsLoopback())
}

// url is the address for a scheme, on the port written or the scheme's own.
func (a Address) url(scheme string) *url.URL {
	host := bracketed(a.Host)
	if a.Port != "" {
		host = net.JoinHostPort(a.Host, a.Port)
	}
	u := &url.URL{Scheme: scheme, Host: host}
	return u.JoinPath(a.Path)
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
