package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestGatewaySignsIn(t *testing.T) {
	type seen struct{ user, password, host, path string }
	got := make(chan seen, 1)
	registry := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got <- seen{user, password, r.Host, r.RequestURI}
	}))
	defer registry.Close()
	front := gatewayTo(t, registry.URL)

	req, err := http.NewRequest(http.MethodPut, front+"/v2/a%2Fb/manifests/1?x=%20y", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("client", "own")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	want := seen{"admin", "secret", strings.TrimPrefix(front, "http://"), "/v2/a%2Fb/manifests/1?x=%20y"}
	if s := <-got; s != want {
		t.Fatalf("the registry saw %+v, want %+v", s, want)
	}
}

// TestGatewayStreams talks line by line: had the gateway held back a part of either body, or closed one
// when the other began, the talk would stop.
func TestGatewayStreams(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			io.WriteString(w, "heard "+lines.Text()+"\n")
			if control.Flush() != nil {
				return
			}
		}
	}))
	defer registry.Close()
	front := gatewayTo(t, registry.URL)

	body, say := io.Pipe()
	defer say.Close()
	go io.WriteString(say, "one\n")
	resp, err := http.Post(front, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		if word != "one" {
			go io.WriteString(say, word+"\n")
		}
		line, err := answers.ReadString('\n')
		if err != nil || line != "heard "+word+"\n" {
			t.Fatalf("read %q, %v; want what was heard of %q", line, err, word)
		}
	}
}

func TestGatewayRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		password, want string
		args           []string
	}{
		"no password":   {"", "GATEWAY_PASSWORD is not set", []string{"-to", "http://127.0.0.1:1"}},
		"all addresses": {"secret", "no loopback address", []string{"-to", "http://127.0.0.1:1", "-addr", ":0"}},
		"named host":    {"secret", "no loopback address", []string{"-to", "http://127.0.0.1:1", "-addr", "registry.example.com:0"}},
		"nothing to":    {"secret", "no URL of a registry", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(test.args, test.password, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

// gatewayTo starts a gateway to a registry and returns its URL.
func gatewayTo(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler(target, "admin", "secret")}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String()
}
