package appliance

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// resolvePEM makes PEM of PEM, of its base64 (a property is one line), or of a file's path.
func resolvePEM(text *string) error {
	if *text == "" {
		return nil
	}
	const begin = "-----BEGIN "
	pem := []byte(*text)
	if !strings.Contains(*text, begin) {
		var err error
		if pem, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*text), "")); err != nil || !bytes.Contains(pem, []byte(begin)) {
			if len(*text) > 4096 {
				return errors.New("this is neither PEM nor base64 of PEM nor the path of a file")
			}
			if pem, err = readSmall(*text); err != nil {
				return err
			}
		}
	}
	if !bytes.Contains(pem, []byte(begin)) {
		return errors.New("this is no PEM: it has no line -----BEGIN ...-----")
	}
	*text = string(bytes.TrimSpace(pem)) + "\n"
	return nil
}

// checkPair says what is wrong with a certificate and its key for the names.
func checkPair(certificate, key string, names []string) error {
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := pair.Leaf.VerifyHostname(n); err != nil {
			return fmt.Errorf("the certificate is not for %s: %w", n, err)
		}
	}
	return nil
}

// firstCertificate is the first one of a PEM text.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no certificate in PEM form")
}

// fingerprint is what browsers and openssl x509 -fingerprint -sha256 show.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
