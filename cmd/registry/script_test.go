package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"packregistry/internal/auth"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/testenv"
)

// TestMain makes the program itself a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"registry": main})
}

// TestScript runs the scripts, each in a folder and on a port of its own.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			addr := testenv.FreeAddr(t)
			vendor, err := filepath.Abs("../../internal/config/testdata/vendor")
			if err != nil {
				return err
			}
			env.Setenv("VENDOR", vendor)
			env.Setenv("ADDR", addr)
			env.Setenv("REGISTRY_HTTP_ADDR", addr)
			env.Setenv("REGISTRY_HTTP_DRAINDELAY", "0s")
			env.Setenv("REGISTRY_AUTH_BCRYPTCOST", "4")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready": ready, "htpasswd": htpasswd, "certificate": certificate, "file": waitFor, "pack": writePack, "schema": newerSchema,
		},
	})
}

// ready waits until the server at the URL is ready.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if resp, err := client.Get(args[0] + "/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	for _, name := range []string{"out", "err"} {
		text, _ := os.ReadFile(ts.MkAbs(name))
		ts.Logf("%s:\n%s", name, text)
	}
	ts.Fatalf("%s is not ready after a minute", args[0])
}

// htpasswd writes a file with accounts: htpasswd FILE NAME PASSWORD ...
func htpasswd(ts *testscript.TestScript, _ bool, args []string) {
	text := ""
	for i := 1; i+1 < len(args); i += 2 {
		hash, err := auth.HashPassword(args[i+1], auth.MinCost)
		ts.Check(err)
		text += args[i] + ":$2y$" + hash[4:] + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// writePack writes a small pack: pack NAME VERSION FILE.
func writePack(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), packtest.PackZip(args[0], args[1]), 0o600))
}

// newerSchema does to an embedded database what a migration of a newer release does: schema FILE NUMBER.
func newerSchema(ts *testscript.TestScript, _ bool, args []string) {
	d, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer d.Close()
	_, err = d.Exec("INSERT INTO schema_history (version, applied_at) VALUES (?, 1)", args[1])
	ts.Check(err)
}

// waitFor waits until a file holds a text: file PATH TEXT.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	var text []byte
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not hold %q after a minute:\n%s", args[0], args[1], text)
}

// certificate writes NAME.crt and NAME.key: a self-signed one for localhost and
// 127.0.0.1 with the common name, which also serves as its own authority.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: args[1]}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}
