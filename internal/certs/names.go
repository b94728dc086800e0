package certs

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Defaults are the names of this machine: its host name, localhost, and the addresses of its
// interfaces. Nothing is asked on the network.
func Defaults() ([]string, error) {
	var names []string
	if host, err := os.Hostname(); err == nil {
		host = strings.ToLower(host)
		if check(host) == nil {
			names = append(names, host)
		}
	}
	names = append(names, "localhost", "127.0.0.1", "::1")
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("the addresses of this machine cannot be read: %w; name them with --host", err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return names, nil
}

// normalise checks names, brings them into one spelling and order (the first stays
// first, for it names the certificate), and drops doubles.
func normalise(names []string) ([]string, error) {
	var out []string
	for _, n := range names {
		n = strings.TrimSpace(n)
		if ip := net.ParseIP(strings.Trim(n, "[]")); ip != nil {
			n = ip.String()
		} else {
			n = strings.TrimSuffix(strings.ToLower(n), ".")
			if err := check(n); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	// DNS names before addresses: a certificate keeps two lists, and so comes back in this order.
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return out, nil
}

func rank(name string) int {
	if net.ParseIP(name) != nil {
		return 1
	}
	return 0
}

// namesOf are the names of a certificate, in the order of normalise.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// check accepts a DNS name (RFC 1123 2.1), also with a wildcard in front.
func check(name string) error {
	switch {
	case strings.Contains(name, "/"):
		return fmt.Errorf("the name %q must be a host alone, without https:// and path", name)
	case strings.Contains(name, ":"):
		return fmt.Errorf("the name %q must be a host or an address alone, without a port: a certificate holds for all ports", name)
	}
	plain := strings.TrimPrefix(name, "*.")
	if plain == "" || len(plain) > 253 {
		return fmt.Errorf("%q is no host name", name)
	}
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	for part := range strings.SplitSeq(plain, ".") {
		if !label.MatchString(part) {
			return fmt.Errorf("%q is no host name: parts are letters, digits and hyphens; write other alphabets in their xn-- form", name)
		}
	}
	if last := plain[strings.LastIndex(plain, ".")+1:]; strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%q is neither an address nor a host name", name)
	}
	return nil
}
