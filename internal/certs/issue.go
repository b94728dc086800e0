package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"time"
)

// newAuthority makes a root that may sign servers and nothing below them. A part of its
// serial is in its name, so that two authorities of one host are told apart.
func newAuthority(name string, now time.Time) (*pair, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"Pack Registry"}, CommonName: commonName("CA "+hex.EncodeToString(serial.Bytes()[:4])+" of ", name)},
		NotBefore:    now.Add(-skew), NotAfter: now.AddDate(0, 0, caDays),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, nil)
}

// issue makes a server certificate for the names.
func issue(ca *pair, names []string, now time.Time, days int) (*pair, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	until := now.AddDate(0, 0, days)
	if until.After(ca.cert.NotAfter) {
		until = ca.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"Pack Registry"}, CommonName: commonName("", names[0])},
		NotBefore:    now.Add(-skew), NotAfter: until,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	return sign(template, ca)
}

// sign makes a key for the template and signs it; with itself when ca is nil.
func sign(template *x509.Certificate, ca *pair) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &pair{cert, key}, nil
}

// newSerial is 127 random bits, the highest set (RFC 5280 4.1.2.2: positive, at most 20 bytes).
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil
}

// commonName holds at most 64 characters (RFC 5280 appendix A); the names that count are the SANs.
func commonName(prefix, name string) string {
	s := prefix + name
	return s[:min(len(s), 64)]
}
