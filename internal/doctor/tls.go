package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// What is said where a client certificate is demanded, which TLS 1.2 tells in the handshake and 1.3 after it.
const (
	clientCertificate     = "the server demands a client certificate, which Palette's form does not offer"
	clientCertificateMend = "remove http.tls.clientcas: for Palette the password has to do"
)

// soon is when the end of a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// examineTLS looks at the handshake and the certificate. It reports whether HTTP can be tried.
func (e *exam) examineTLS(ctx context.Context) bool {
	if !e.secure {
		e.fail("tls", "the address is plain HTTP: the password and the packs travel in the clear, and Palette wants HTTPS",
			"give the server a certificate (registry admin cert, http.tls.certificate and http.tls.key), or a proxy that has one in front, and type https://")
		return true
	}
	state, err := e.handshake(ctx, tls.VersionTLS10, tls.VersionTLS13)
	if err != nil {
		detail, mend := "the TLS handshake fails: "+plain(err), "see the server's log at log.level debug"
		var record tls.RecordHeaderError
		switch {
		case e.asked:
			detail, mend = clientCertificate, clientCertificateMend
		case errors.As(err, &record):
			detail = "what answers there does not speak TLS"
			if string(record.RecordHeader[:]) == "HTTP/" {
				detail = "the server speaks plain HTTP on this port"
			}
			mend = "give the server a certificate (registry admin cert, http.tls.certificate and http.tls.key), or type the address of the proxy that has one"
		}
		e.fail("tls", detail, mend)
		return false
	}
	e.sent = state.PeerCertificates
	if state.Version < tls.VersionTLS12 {
		e.fail("tls", "the server speaks no more than "+tls.VersionName(state.Version), "Palette needs TLS 1.2: set http.tls.minimumtls to tls1.2, or mend the proxy in front")
	} else {
		e.ok("tls", tls.VersionName(state.Version)+", "+tls.CipherSuiteName(state.CipherSuite))
	}
	e.examineFloor(ctx)
	chain, names := e.examineChain(), e.examineNames()
	e.trusted = chain && names
	return true
}

func (e *exam) handshake(ctx context.Context, least, most uint16) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{
		ServerName: e.base.Hostname(), InsecureSkipVerify: true, MinVersion: least, MaxVersion: most, //nolint:gosec // what holds is looked at one by one
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			// With TLS 1.3 the refusal comes after the handshake, as a connection that breaks somehow.
			e.asked = true
			return &tls.Certificate{}, nil
		},
	}}
	conn, err := d.DialContext(ctx, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	return &state, nil
}

// examineFloor tries what must be refused (RFC 8996).
func (e *exam) examineFloor(ctx context.Context) {
	if state, err := e.handshake(ctx, tls.VersionTLS10, tls.VersionTLS11); err == nil {
		e.warn("tls floor", "the server accepts "+tls.VersionName(state.Version)+", which is broken", "set http.tls.minimumtls to tls1.2")
		return
	}
	e.ok("tls floor", "TLS 1.1 and older are refused")
}

// examineChain verifies the chain and the time, but not the name.
func (e *exam) examineChain() bool {
	leaf, now := e.sent[0], e.o.Now()
	between := x509.NewCertPool()
	for _, c := range e.sent[1:] {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: e.roots, Intermediates: between, CurrentTime: now})
	switch {
	case now.After(leaf.NotAfter):
		e.fail("certificate", "it ended on "+leaf.NotAfter.UTC().Format(time.RFC3339), "renew it (registry admin cert, for one that it made); the server takes new files up by itself")
		return false
	case now.Before(leaf.NotBefore):
		e.fail("certificate", "it begins only on "+leaf.NotBefore.UTC().Format(time.RFC3339), "set the clock of this machine, or of the one that made the certificate")
		return false
	case err != nil:
		e.fail("certificate", e.distrust(err), e.trustMend())
		return false
	}
	e.verified = chains[0]
	detail := fmt.Sprintf("a chain of %d, from %s, valid to %s", len(chains[0]), chains[0][len(chains[0])-1].Subject, leaf.NotAfter.UTC().Format(time.DateOnly))
	if now.Add(soon).After(leaf.NotAfter) {
		e.warn("certificate", detail, "renew it within days (registry admin cert, for one that it made)")
		return true
	}
	e.ok("certificate", detail)
	return true
}

// distrust says why a chain leads nowhere.
func (e *exam) distrust(err error) string {
	last := e.sent[len(e.sent)-1]
	var unknown x509.UnknownAuthorityError
	switch {
	case !errors.As(err, &unknown):
		return "it does not verify: " + strings.TrimPrefix(err.Error(), "x509: ")
	case e.selfSigned():
		return "it is self-signed, and nobody vouches for it"
	case e.o.CA != nil:
		return fmt.Sprintf("it leads to %q, which the CA file does not hold", last.Issuer)
	}
	return fmt.Sprintf("it leads to %q, which this machine does not trust", last.Issuer)
}

func (e *exam) selfSigned() bool {
	return len(e.sent) == 1 && e.sent[0].CheckSignatureFrom(e.sent[0]) == nil
}

func (e *exam) trustMend() string {
	if e.o.CA != nil {
		return "give the CA that signed it, or, if that is an intermediate, put it behind the certificate in the file of http.tls.certificate"
	}
	return "if it is your own authority, examine again with --ca ca.crt, and upload the chain in Palette; else put the intermediates into the file of http.tls.certificate"
}

// examineNames wants the address among the certificate's names; for an IP address, as an IP SAN (palette-contract 1.8).
func (e *exam) examineNames() bool {
	leaf, host := e.sent[0], e.base.Hostname()
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	list := strings.Join(names[:min(len(names), 10)], ", ")
	if err := leaf.VerifyHostname(host); err == nil {
		e.ok("names", host+" is among the certificate's: "+list)
		return true
	}
	detail := "the certificate is for " + list + ", not for " + host
	switch {
	case len(names) == 0:
		detail = "the certificate has no subject alternative names, and its common name does not count"
	case net.ParseIP(host) != nil && len(leaf.IPAddresses) == 0:
		detail = "the certificate has no IP SANs, and " + host + " is an IP address; it is for " + list
	}
	e.fail("names", detail, "make one that holds it (registry admin cert --host "+host+"), or type one of its names")
	return false
}
