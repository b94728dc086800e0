// Command fakepalette serves a fake of Palette's management API (internal/palette/palettetest), for people and scripts
// that want to try the product without a Palette.
//
//	FAKE_PALETTE_API_KEY=... fakepalette -dir DIR [-addr 127.0.0.1:0] [-ca FILE]
//
// It listens with TLS on loopback only, with a certificate that it keeps in DIR, and prints in one line each
//
//	url https://127.0.0.1:PORT
//	ca DIR/ca.crt
//	api-key ...
//
// (the key is made up where the environment names none) and then runs until it is killed. With FAKE_PALETTE_PASSWORD set, the
// tenant's user tenant@example.com and the system's user admin may log in with it. -ca names an authority that this
// Palette trusts beside the certificates of its entries. Everything it keeps is in memory. Beside the API it has, with the same key:
//
//	POST /-/faults      {"answer":[503],"lose":1,"silent":1,"syncDelay":ns,"syncHangs":true,"syncStops":2,"emptyValues":true}; {} mends
//	POST /-/fetch       {"uid","name","version"}: read a version as a cluster does, by every digest seen of it
//	GET  /-/registries  all entries, what is shown of them, and what their last sync passed over
package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/palette/palettetest"
)

func main() {
	fmt.Fprintln(os.Stderr, "fakepalette:", run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
	os.Exit(1)
}

// run serves; it returns only with an error.
func run(args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("fakepalette", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "listen here; loopback only")
	dir := flags.String("dir", "", "folder of its certificates")
	ca := flags.String("ca", "", "file of an authority that it trusts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("-dir is missing: the folder for its certificates")
	}
	roots, err := trusted(*ca)
	if err != nil {
		return err
	}
	made, err := certs.Make(certs.Options{Dir: *dir, Names: []string{"localhost", "127.0.0.1", "::1"}, Now: time.Now})
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(made.Path(certs.CertFile), made.Path(certs.KeyFile))
	if err != nil {
		return err
	}
	listener, err := listen(*addr)
	if err != nil {
		return err
	}
	key := env("FAKE_PALETTE_API_KEY")
	if key == "" {
		key = rand.Text()
	}
	o := palettetest.Options{APIKey: key, Roots: roots, Log: slog.New(slog.NewTextHandler(stderr, nil))}
	if password := env("FAKE_PALETTE_PASSWORD"); password != "" {
		o.Users = map[string]palettetest.User{"tenant@example.com": {Password: password}}
		o.System = map[string]palettetest.User{"admin": {Password: password}}
	}
	palette := palettetest.New(o)
	defer palette.Close()
	if _, err := fmt.Fprintf(stdout, "url https://%s\nca %s\napi-key %s\n", listener.Addr(), made.Path(certs.CAFile), key); err != nil {
		return err
	}
	server := &http.Server{
		Handler: palette, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelInfo),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	}
	return server.ServeTLS(listener, "", "")
}

// trusted are the system's authorities and that of the file; nil is the system's alone.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // none on this system
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// listen refuses an address that others than this machine could reach.
func listen(addr string) (net.Listener, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	if !a.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is no loopback address", addr)
	}
	return net.Listen("tcp", addr)
}
