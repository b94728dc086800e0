package doctor

import (
	"context"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWays tries addresses at which no such server answers.
func TestWays(t *testing.T) {
	face := newFace(t, nil)
	httpServer := httptest.NewServer(face)
	defer httpServer.Close()
	r := examine(t, Options{Address: httpServer.URL, User: "palette", Password: "pw", Now: time.Now})
	r.want(t, "tls", Failed, "plain HTTP", "registry admin cert")
	r.want(t, "REST pack", OK)
	if r.Healthy || len(r.Forms) != 0 {
		t.Error("plain HTTP is for Palette")
	}
	examine(t, Options{Address: strings.Replace(httpServer.URL, "http:", "https:", 1), Now: time.Now}).want(t, "tls", Failed, "speaks plain HTTP on this port")

	h := newHouse(t, face, time.Now(), "127.0.0.1")
	examine(t, Options{Address: strings.Replace(h.URL, "https:", "http:", 1), Now: time.Now}).want(t, "health", Failed, "type https://")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "SSH-2.0-OpenSSH_9.9\r\n")
			conn.Close()
		}
	}()
	examine(t, Options{Address: l.Addr().String(), Now: time.Now}).want(t, "tls", Failed)
	l.Close()
	r = examine(t, Options{Address: l.Addr().String(), Now: time.Now})
	r.want(t, "port", Failed, "refuses", "start the server")

	// A name with two addresses, of which one is dead.
	_, port, err := net.SplitHostPort(h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e := &exam{port: port, ips: []string{"127.0.0.1", "127.0.0.2"}, report: &Report{Healthy: true}}
	if !e.connect(t.Context()) {
		t.Error("one address that answers is not enough")
	}
	e.report.want(t, "port", Warning, "127.0.0.1:"+port+" answers, but not 127.0.0.2:"+port, "out of the DNS")
	examine(t, Options{Address: "no-such-host.invalid", Now: time.Now}).want(t, "name", Failed, "cannot be resolved", "DNS record")

	o := h.options()
	o.Address += "/elsewhere"
	examine(t, o).want(t, "health", Failed, "prefix")
	o = h.options()
	o.Password = "wrong"
	examine(t, o).want(t, "login", Failed, "does not take the password", "passwd palette")
}

func TestBadOptions(t *testing.T) {
	for address, want := range map[string]string{
		"": "no address", "https://": "no address", "ftp://x": "no address of a registry", "https://u:p@x": "credentials", "https://x/?a=b": "ends with", "https://x:port": "no address",
	} {
		if _, err := Examine(context.Background(), Options{Address: address, Now: time.Now}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := Examine(context.Background(), Options{Address: "x", CA: []byte("rubbish"), Now: time.Now}); err == nil {
		t.Error("rubbish as CA")
	}
}

func TestProxies(t *testing.T) {
	for _, tt := range []struct {
		no, host string
		want     bool
	}{
		{"", "packs.example.com", false},
		{"*", "packs.example.com", true},
		{"example.com", "packs.example.com", true},
		{".example.com", "packs.example.com", true},
		{"*.example.com", "packs.example.com", true},
		{".packs.example.com", "packs.example.com", false},
		{"ample.com", "packs.example.com", false},
		{"a, Packs.Example.com:443", "packs.example.com", true},
		{"packs.example.com:8443", "packs.example.com", false},
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"fd00::/8", "fd00::1", true},
		{"", "127.0.0.1", true},
	} {
		if got := bypasses(tt.no, tt.host, "443"); got != tt.want {
			t.Errorf("NO_PROXY=%s %s: %v", tt.no, tt.host, got)
		}
	}
	e := &exam{o: Options{Address: "https://packs.example.com", Proxies: Proxies{HTTPS: "http://user:hush@proxy:3128"}}, report: &Report{Healthy: true}}
	if err := e.parse(); err != nil {
		t.Fatal(err)
	}
	e.examineProxies()
	e.report.want(t, "proxy", Warning, "HTTPS_PROXY is set", "add packs.example.com to NO_PROXY")
	if strings.Contains(e.report.Text(), "hush") {
		t.Error("the proxy's password is in the report")
	}
}
