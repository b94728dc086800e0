package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"packregistry/internal/pack"
)

// what a question at a place came to.
const (
	byTLS    = "TLS"
	inPlain  = "plain"
	noServer = "network"
)

// TestPlace asks servers that speak TLS, plain HTTP, or both on their standard ports, by each way to name them. A
// password goes where the answer comes from and nowhere else.
func TestPlace(t *testing.T) {
	for _, c := range []struct {
		server   string
		insecure bool
		tls      string // the ports on which TLS is spoken
		plain    string
		want     string
		says     string // words of the error
	}{
		{server: "packs.test:5000", insecure: true, plain: "5000", want: inPlain},
		{server: "http://packs.test:5000", insecure: true, plain: "5000", want: inPlain},
		{server: "packs.test:5000", insecure: true, tls: "5000", want: byTLS},
		{server: "http://packs.test:5000", insecure: true, tls: "5000", want: byTLS},
		{server: "https://packs.test:5000", insecure: true, tls: "5000", want: byTLS},
		{server: "https://packs.test:5000", insecure: true, plain: "5000", want: noServer, says: "does not speak TLS"},
		{server: "packs.test:5000", plain: "5000", want: noServer, says: "--insecure"},
		{server: "packs.test:5000", tls: "5000", want: noServer, says: "its certificate is not"},
		{server: "packs.test", insecure: true, tls: "443", plain: "80", want: byTLS},
		{server: "http://packs.test", insecure: true, tls: "443", plain: "80", want: byTLS},
		{server: "packs.test", insecure: true, plain: "80", want: inPlain},
		{server: "http://packs.test", insecure: true, plain: "80", want: inPlain},
		{server: "http://packs.test:80", insecure: true, tls: "443", plain: "80", want: inPlain},
		{server: "packs.test", plain: "80", want: noServer, says: "nobody listens"},
		{server: "packs.test:5000", insecure: true, want: noServer, says: "nobody listens"},
		{server: "packs.test", insecure: true, want: noServer, says: "nobody listens"},
		{server: "localhost:5000", plain: "5000", want: inPlain},
		{server: "http://127.0.0.1:5000", plain: "5000", want: inPlain},
		{server: "[::1]:5000", plain: "5000", want: inPlain},
		{server: "localhost:5000", tls: "5000", want: noServer, says: "certificate is not"},
		{server: "https://localhost:5000", plain: "5000", want: noServer, says: "does not speak TLS"},
	} {
		t.Run(fmt.Sprintf("%s insecure=%v tls=%s plain=%s", c.server, c.insecure, c.tls, c.plain), func(t *testing.T) {
			secret, askedTLS := serve(t, true, emptyPage)
			clear, askedPlain := serve(t, false, emptyPage)
			client, _ := newClient(t, Options{Server: c.server, Insecure: c.insecure})
			table, host := map[string]string{}, client.place.address.Host
			if c.plain != "" {
				table[net.JoinHostPort(host, c.plain)] = clear.Listener.Addr().String()
			}
			if c.tls != "" {
				table[net.JoinHostPort(host, c.tls)] = secret.Listener.Addr().String()
			}
			route(client, table)

			_, err := client.Search(t.Context(), Query{})
			got := kindOfError(err)
			switch {
			case err == nil && askedTLS.count(withPassword) == 1 && askedPlain.count(withPassword) == 0:
				got = byTLS
			case err == nil && askedTLS.count(withPassword) == 0 && askedPlain.count(withPassword) == 1:
				got = inPlain
			}
			if got != c.want || (err != nil && !strings.Contains(err.Error(), c.says)) {
				t.Fatalf("%s instead of %s: %v", got, c.want, err)
			}
			if err != nil && askedTLS.count(withPassword)+askedPlain.count(withPassword) > 0 {
				t.Error("the password went out")
			}
			if n := askedPlain.count(func(r *http.Request) bool { return isProbe(r) && withPassword(r) }); n > 0 {
				t.Error("a probe took the password along")
			}
		})
	}
}

func TestPlainIsRefusedWhereNobodyAllowedIt(t *testing.T) {
	for _, server := range []string{"http://packs.test", "http://packs.test:5000", "http://10.0.0.1:5000", "http://localhost.test"} {
		_, err := New(Options{Server: server})
		if !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "--insecure") {
			t.Errorf("%s: %v", server, err)
		}
	}
}

// TestPlaceIsFoundOnce lets many ask at once, also for other namespaces.
func TestPlaceIsFoundOnce(t *testing.T) {
	server, asked := serve(t, false, emptyPage)
	c, _ := newClient(t, Options{Server: server.Listener.Addr().String()})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := c.In("other").Search(t.Context(), Query{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.count(isProbe); n != 1 {
		t.Errorf("%d probes", n)
	}
	if n := asked.count(func(r *http.Request) bool { return !isProbe(r) && withPassword(r) }); n != 8 {
		t.Errorf("%d questions", n)
	}
}

// TestDisturbedHandshakeIsNoReasonForPlain hangs up on the first handshakes with a server that does speak TLS. The
// answer to plain HTTP then is what Go's servers, and nginx, say on a port for TLS.
func TestDisturbedHandshakeIsNoReasonForPlain(t *testing.T) {
	server, asked := serve(t, true, emptyPage)
	var disturbed atomic.Int32
	through := proxyTCP(t, server.Listener.Addr().String(), func(client, server net.Conn) {
		head := make([]byte, 1)
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		if head[0] == 0x16 && disturbed.Add(1) <= 2 { // a ClientHello
			return
		}
		if head[0] != 0x16 {
			var rest [4096]byte
			n, _ := client.Read(rest[:])
			if strings.Contains(string(rest[:n]), "Authorization") {
				t.Error("the password went out in clear")
			}
			_, _ = server.Write(append(head, rest[:n]...))
		} else {
			_, _ = server.Write(head)
		}
		join(client, server)
	})
	c, naps := newClient(t, Options{Server: through, Insecure: true})
	if _, err := c.Search(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	if len(naps.all) != 2 || asked.count(withPassword) != 1 {
		t.Errorf("%d waits, %d questions", len(naps.all), asked.count(withPassword))
	}
}

func TestPlainServerThatSendsToTLS(t *testing.T) {
	server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://packs.test"+r.URL.Path, http.StatusMovedPermanently)
	})
	c, _ := newClient(t, Options{Server: "http://packs.test", Insecure: true})
	route(c, map[string]string{"packs.test:80": server.Listener.Addr().String()})
	_, err := c.Search(t.Context(), Query{})
	if err == nil || !strings.Contains(err.Error(), "redirects to https://packs.test;") || asked.count(withPassword) > 0 {
		t.Errorf("%d passwords, %v", asked.count(withPassword), err)
	}
}

func TestPrefix(t *testing.T) {
	server, asked := serve(t, false, emptyPage)
	c, _ := newClient(t, Options{Server: server.URL + "/team/packs/", Namespace: "a/b"})
	if _, err := c.Search(t.Context(), Query{Text: "x y"}); err != nil {
		t.Fatal(err)
	}
	if n := asked.count(func(r *http.Request) bool { return r.URL.String() == "/team/packs/api/v1/packs?namespace=a%2Fb&q=x+y" }); n != 1 {
		t.Error("not asked below the prefix")
	}
}

func TestFindingAPlaceEndsWithItsContext(t *testing.T) {
	silent := proxyTCP(t, "", func(client, _ net.Conn) { _, _ = io.Copy(io.Discard, client) })
	c, _ := newClient(t, Options{Server: silent})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 { // one asks, one waits for it
		go func() { _, err := c.Search(ctx, Query{}); done <- err }()
	}
	stop()
	for range 2 {
		if err := <-done; err == nil || ctx.Err() == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
			t.Error(err)
		}
	}
}
