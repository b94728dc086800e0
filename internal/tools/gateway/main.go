// Command gateway signs in for its clients, as an admin's proxy before a trusted network may: it hands
// every request on to a registry with the Authorization header added, so that those behind it need no
// credentials.
//
//	GATEWAY_PASSWORD=... gateway -to http://127.0.0.1:5000 [-addr 127.0.0.1:0] [-user admin]
//
// Who reaches it may do whatever the account may, so it listens on loopback only. It prints the address
// it listens on, in one line, and runs until it is killed. scripts/conformance.sh is what needs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

func main() {
	fmt.Fprintln(os.Stderr, "gateway:", run(os.Args[1:], os.Getenv("GATEWAY_PASSWORD"), os.Stdout))
	os.Exit(1)
}

// run serves; it returns only with an error.
func run(args []string, password string, stdout io.Writer) error {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "listen here; loopback only")
	to := flags.String("to", "", "URL of the registry")
	user := flags.String("user", "admin", "account to sign in with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*to)
	if err != nil || target.Host == "" {
		return fmt.Errorf("-to %q is no URL of a registry, such as http://127.0.0.1:5000", *to)
	}
	if password == "" {
		return errors.New("GATEWAY_PASSWORD is not set")
	}
	listener, err := listen(*addr)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, listener.Addr()); err != nil {
		return err
	}
	server := &http.Server{Handler: handler(target, *user, password), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

// listen refuses an address that others than this machine could reach.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("-addr %s is no loopback address, such as 127.0.0.1:0", addr)
	}
	return net.Listen("tcp", addr)
}

// handler hands requests on. The Host stays what the client called, so that the registry's absolute
// addresses lead back to the gateway; bodies stream both ways, at once.
func handler(target *url.URL, user, password string) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.SetBasicAuth(user, password)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else net/http closes the request's body when the answer begins, and where the registry was
		// quick the transport, still looking for the body's end, drops the connection and the answer
		// (https://go.dev/issue/40747).
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}
