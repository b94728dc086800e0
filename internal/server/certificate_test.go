package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type pemFiles struct{ cert, key string }

// newCertificate writes a self-signed pair for localhost.
func newCertificate(t *testing.T, dir, name string) pemFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := pemFiles{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
	for path, block := range map[string]*pem.Block{f.cert: {Type: "CERTIFICATE", Bytes: der}, f.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// served is the common name of the certificate a client would see.
func served(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	inner, err := cfg.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(inner.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	one := newCertificate(t, dir, "one")
	now := time.Now()
	var log bytes.Buffer
	cfg, err := FromFiles(FileOptions{
		Certificate: one.cert, Key: one.key, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.MinVersion != tls.VersionTLS12 {
		t.Errorf("minimum version %x", cfg.MinVersion)
	}
	two := newCertificate(t, dir, "two")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	// Half of the change: the pair does not fit, the last good one stays, and that is said once.
	move(two.cert, one.cert)
	for range 3 {
		now = now.Add(lookAgain)
		if got := served(t, cfg); got != "one" {
			t.Errorf("with half a change %s is served", got)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
	move(two.key, one.key)
	if got := served(t, cfg); got != "one" {
		t.Errorf("the files were looked at within %s", lookAgain)
	}
	now = now.Add(lookAgain)
	if got := served(t, cfg); got != "two" {
		t.Errorf("after the change %s is served", got)
	}
	if err := os.Remove(one.key); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookAgain)
	if got := served(t, cfg); got != "two" {
		t.Errorf("with a missing key %s is served", got)
	}
}

func TestFilesMustBeGoodAtTheStart(t *testing.T) {
	dir := t.TempDir()
	one, two := newCertificate(t, dir, "one"), newCertificate(t, dir, "two")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]FileOptions{
		"http.tls.certificate: ":      {Certificate: filepath.Join(dir, "none"), Key: one.key},
		"http.tls.key: ":              {Certificate: one.cert, Key: dir},
		"do not make a pair":          {Certificate: one.cert, Key: two.key},
		"http.tls.clientcas: ":        {Certificate: one.cert, Key: one.key, ClientCAs: []string{empty}},
		"http.tls.minimumtls: \"ssl3": {Certificate: one.cert, Key: one.key, MinimumTLS: "ssl3"},
	} {
		o.Now, o.Log = time.Now, slog.New(slog.DiscardHandler)
		if _, err := FromFiles(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
