package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"packregistry/internal/testenv"
)

const acmeHost = "registry.example.test"

// Certificates come from a real ACME server, by tls-alpn-01 on the listener and by
// http-01 beside it, and are kept over a restart.
func TestACME(t *testing.T) {
	program := testenv.Tool(t, "pebble")
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			dir := t.TempDir()
			tlsAddr, httpAddr := testenv.FreeAddr(t), testenv.FreeAddr(t)
			a := startPebble(t, program, dir, challenge, tlsAddr, httpAddr)
			opts := ACMEOptions{
				CacheDir: filepath.Join(dir, "cache"), Email: "admin@example.test", Hosts: []string{acmeHost},
				Directory: a.directory, CA: a.ca, HTTPAddr: httpAddr, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
			}
			var serials []string
			for range 2 {
				stop := serveACME(t, opts, tlsAddr)
				conn := dialTLS(t, tlsAddr, acmeHost, a.roots(t))
				serials = append(serials, conn.PeerCertificates[0].SerialNumber.String())
				// A host nobody configured gets no certificate.
				if c, err := tls.Dial("tcp", tlsAddr, &tls.Config{ServerName: "other.example.test", InsecureSkipVerify: true}); err == nil {
					c.Close()
					t.Error("a certificate for a host that is not configured")
				}
				stop()
			}
			if serials[0] != serials[1] {
				t.Error("the certificate was not kept over a restart")
			}
			fi, err := os.Stat(opts.CacheDir)
			if err != nil || fi.Mode().Perm() != 0o700 {
				t.Errorf("the folder of keys: %v, %v", fi, err)
			}
		})
	}
}

// A certificate demanded of clients is not demanded of the authority's check, and
// that check opens no back door.
func TestACMEWithClientAuthorities(t *testing.T) {
	program := testenv.Tool(t, "pebble")
	dir := t.TempDir()
	tlsAddr := testenv.FreeAddr(t)
	a := startPebble(t, program, dir, "tls-alpn-01", tlsAddr, testenv.FreeAddr(t))
	client := newCertificate(t, dir, "client")
	opts := ACMEOptions{CacheDir: filepath.Join(dir, "cache"), Hosts: []string{acmeHost}, Directory: a.directory, CA: a.ca, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	stop := serveACME(t, opts, tlsAddr, client.cert)
	defer stop()
	pair, err := tls.LoadX509KeyPair(client.cert, client.key)
	if err != nil {
		t.Fatal(err)
	}
	get := func(cfg *tls.Config) error {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}, Timeout: 30 * time.Second}
		resp, err := c.Get("https://" + tlsAddr)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(&tls.Config{ServerName: acmeHost, RootCAs: a.roots(t), Certificates: []tls.Certificate{pair}}); err != nil {
		t.Errorf("with a client certificate: %v", err)
	}
	if err := get(&tls.Config{ServerName: acmeHost, RootCAs: a.roots(t)}); err == nil {
		t.Error("served without a client certificate")
	}
	for _, protos := range [][]string{{acmeALPN}, {acmeALPN, "http/1.1"}, {"http/1.1", acmeALPN}} {
		conn, err := tls.Dial("tcp", tlsAddr, &tls.Config{ServerName: acmeHost, InsecureSkipVerify: true, NextProtos: protos})
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if answer, _ := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("%v: answered without a client certificate: %q", protos, answer)
		}
		conn.Close()
	}
}

func serveACME(t *testing.T, opts ACMEOptions, addr string, clientCAs ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cfg, err := FromACME(ctx, opts)
	if err == nil && len(clientCAs) > 0 {
		err = RequireClients(cfg, clientCAs)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen(ctx, Options{Addr: addr, TLS: cfg, Handler: http.NotFoundHandler(), DrainTimeout: 10 * time.Second, Log: opts.Log})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func dialTLS(t *testing.T, addr, host string, roots *x509.CertPool) tls.ConnectionState {
	t.Helper()
	var err error
	for range 5 { // the authority may want a second try
		var conn *tls.Conn
		if conn, err = tls.Dial("tcp", addr, &tls.Config{ServerName: host, RootCAs: roots}); err == nil {
			defer conn.Close()
			return conn.ConnectionState()
		}
		time.Sleep(time.Second)
	}
	t.Fatalf("no certificate: %v", err)
	return tls.ConnectionState{}
}

// authority is a running Pebble.
type authority struct{ directory, management, ca string }

func startPebble(t *testing.T, program, dir, challenge, tlsAddr, httpAddr string) authority {
	t.Helper()
	own := newCertificate(t, dir, "pebble")
	listen, management := testenv.FreeAddr(t), testenv.FreeAddr(t)
	tlsPort, httpPort := port(tlsAddr), port(httpAddr)
	if challenge == "http-01" {
		tlsPort = port(testenv.FreeAddr(t)) // where nobody answers
	}
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": own.cert, "privateKey": own.key,
		"httpPort": json.Number(httpPort), "tlsPort": json.Number(tlsPort),
	}}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-config", file, "-dnsserver", startDNS(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	cmd.Stdout, cmd.Stderr = testWriter{t}, testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	a := authority{directory: "https://" + listen + "/dir", management: "https://" + management, ca: own.cert}
	for { // the test's own time limit ends a wait in vain
		if resp, err := a.client(t).Get(a.directory); err == nil {
			resp.Body.Close()
			return a
		}
		select {
		case <-ended:
			t.Fatal("pebble ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a authority) client(t *testing.T) *http.Client {
	t.Helper()
	pool, err := Pool(a.ca)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

// roots are those that Pebble made for this run.
func (a authority) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	resp, err := a.client(t).Get(a.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("pebble's root: %v", err)
	}
	return pool
}

// startDNS answers every question for an address with 127.0.0.1, over TCP as Pebble asks.
func startDNS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for answerDNS(conn) == nil {
				}
			}()
		}
	}()
	return l.Addr().String()
}

// answerDNS handles one question (RFC 1035 section 4.2.2: a length before each message).
func answerDNS(conn net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf); err != nil {
		return err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

func port(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }

// testWriter logs through the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	// The process may outlive the test by a moment; only its Context tells.
	if w.t.Context().Err() == nil {
		w.t.Logf("%.2000s", strings.TrimSpace(string(p)))
	}
	return len(p), nil
}
