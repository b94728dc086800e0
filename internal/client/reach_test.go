package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack"
)

// serveTLS starts a TLS server with the certificate of an authority; it gives its address.
func serveTLS(t *testing.T, r *certs.Result, f http.HandlerFunc) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(r.Path(certs.CertFile), r.Path(certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = silentLog()
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestCertificates meets servers of a private authority.
func TestCertificates(t *testing.T) {
	now := time.Now()
	good := authority(t, now, "packs.test", "127.0.0.1")
	named := authority(t, now, "packs.test")
	old := authority(t, now.AddDate(0, 0, -30), "packs.test")
	early := authority(t, now.AddDate(0, 0, 30), "packs.test")
	for _, c := range []struct {
		name, server string
		ca           *certs.Result // the server's; trusted unless there are words for it
		trust        bool
		says         []string // of the error; none for success
	}{
		{"trusted", "packs.test:5000", good, true, nil},
		{"trusted by address", "127.0.0.1:5000", good, true, nil},
		{"unknown authority", "packs.test:5000", good, false, []string{"not trusted (x509: certificate signed by unknown authority", "put its CA certificate into the folder,", "--insecure"}},
		{"wrong name", "other.test:5000", good, true, []string{"is not for other.test (x509: certificate is valid for", "packs.test"}},
		{"address without a name", "10.0.0.1:5000", named, true, []string{"x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs"}},
		{"expired", "packs.test:5000", old, true, []string{"expired on " + old.NotAfter.UTC().Format(time.DateOnly)}},
		{"not yet valid", "packs.test:5000", early, true, []string{"holds only from", "is the clock here right?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serveTLS(t, c.ca, emptyPage)
			o := Options{Server: c.server, CAHint: "the folder"}
			if c.trust {
				o.CAFiles = []string{c.ca.Path(certs.CAFile)}
			}
			client, naps := newClient(t, o)
			route(client, map[string]string{c.server: addr})
			_, err := client.Search(t.Context(), Query{})
			if (err == nil) != (c.says == nil) || len(naps.all) > 0 {
				t.Fatalf("%v, after %d waits", err, len(naps.all))
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("not %q: %v", words, err)
				}
			}
		})
	}
}

func TestCAFileThatIsNone(t *testing.T) {
	for file, words := range map[string]string{t.TempDir() + "/none": "cannot be read", "reach_test.go": "holds no certificate"} {
		_, err := New(Options{Server: "packs.test", CAFiles: []string{file}})
		if !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSentences looks at what people are told when there is no answer, or no sensible one.
func TestSentences(t *testing.T) {
	answer := func(status int, kind, body string) string {
		s, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
		return s.Listener.Addr().String()
	}
	hangUp := proxyTCP(t, "", func(c, _ net.Conn) { _, _ = c.Read(make([]byte, 100)) })
	for name, c := range map[string]struct {
		server string
		kind   string
		says   string
		waits  int
	}{
		"refused":           {"127.0.0.1:1", noServer, "nobody listens there (127.0.0.1:1)", 3},
		"hung up":           {hangUp, noServer, "closed the connection", 3},
		"a website":         {answer(200, "text/html", "<h1>hello"), noServer, "is this the address of a pack registry?", 0},
		"another server":    {answer(404, "text/plain", "404 page not found"), noServer, "answered 404 Not Found without saying why; is this the address of a pack registry?", 0},
		"no JSON":           {answer(200, "application/json", "{"), noServer, "broke off", 0},
		"a gateway":         {answer(502, "text/html", "<h1>Bad Gateway"), "unavailable", "or a proxy before it, answered 502 Bad Gateway", 3},
		"a wall":            {answer(403, "text/html", "<h1>no"), "forbidden", "or a proxy before it, answered 403", 0},
		"a small wall":      {answer(413, "text/html", "<h1>no"), "too_large", "answered 413", 0},
		"a refusal":         {answer(403, "application/problem+json", `{"code":"role_too_low","detail":"readers may not"}`), "forbidden", "readers may not", 0},
		"a failure":         {answer(500, "application/problem+json", `{"code":"internal","detail":"something broke","requestId":"r-7"}`), "internal", "something broke (request r-7)", 0},
		"a wordless title":  {answer(404, "application/problem+json", `{"code":"not_found","title":"Not Found"}`), "not_found", "not found", 0},
		"a kind of its own": {answer(418, "application/problem+json", `{"code":"teapot","detail":"short and stout"}`), "invalid", "short and stout", 0},
	} {
		t.Run(name, func(t *testing.T) {
			client, naps := newClient(t, Options{Server: "http://" + c.server})
			_, err := client.Search(t.Context(), Query{})
			if kindOfError(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", kindOfError(err), err)
			}
			if len(naps.all) != c.waits {
				t.Errorf("%d waits instead of %d", len(naps.all), c.waits)
			}
		})
	}
}

func TestSentencesOfTheNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		says  string
		waits int
	}{
		"no such host": {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "packs.test", IsNotFound: true}}, "there is no host named packs.test", 0},
		"no resolver":  {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "packs.test", IsTemporary: true}}, "could not be looked up (server misbehaving)", 3},
		"too late":     {&net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}, "did not answer in time", 3},
	} {
		client, naps := newClient(t, Options{Server: "packs.test"})
		client.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, c.err }
		_, err := client.Search(t.Context(), Query{})
		if kindOfError(err) != noServer || !strings.Contains(err.Error(), c.says) || len(naps.all) != c.waits {
			t.Errorf("%s: %v, after %d waits", name, err, len(naps.all))
		}
	}
}

func TestLoginHintIsForThoseWithoutAnAccount(t *testing.T) {
	server, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":"credentials_required","detail":"this needs a user name and a password"}`)
	})
	for _, user := range []string{"", "admin"} {
		c, err := New(Options{Server: server.URL, Username: user, LoginHint: "log in", Proxy: http.ProxyURL(nil)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Search(t.Context(), Query{})
		if !pack.IsKind(err, pack.KindUnauthorized) || strings.Contains(err.Error(), "; log in") != (user == "") {
			t.Errorf("%q: %v", user, err)
		}
	}
}

// TestProxy goes through a proxy that opens a way, refuses one, and is not there.
func TestProxy(t *testing.T) {
	ca := authority(t, time.Now(), "packs.test")
	addr := serveTLS(t, ca, emptyPage)
	opens, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "packs.test:5000" {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		out, err := net.Dial("tcp", addr)
		in, rw, hijacked := w.(http.Hijacker).Hijack()
		if err != nil || hijacked != nil {
			t.Error(err, hijacked)
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = io.CopyN(out, rw, int64(rw.Reader.Buffered()))
		join(in, out)
	})
	refuses := func(status int) string {
		s, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		return s.URL
	}
	for name, c := range map[string]struct{ proxy, says string }{
		"opens":       {opens.URL, ""},
		"refuses":     {refuses(http.StatusForbidden), "answered 403 Forbidden; to reach the server without it put packs.test into NO_PROXY"},
		"wants login": {refuses(http.StatusProxyAuthRequired), "put user and password into the address of the proxy"},
		"cannot":      {refuses(http.StatusBadGateway), "answered 502"},
		"is not":      {"http://127.0.0.1:1", "the proxy cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, err := url.Parse(c.proxy)
			if err != nil {
				t.Fatal(err)
			}
			client, _ := newClient(t, Options{Server: "packs.test:5000", CAFiles: []string{ca.Path(certs.CAFile)}, Proxy: http.ProxyURL(proxy)})
			_, err = client.Search(t.Context(), Query{})
			if (err == nil) != (c.says == "") || (err != nil && (kindOfError(err) != noServer || !strings.Contains(err.Error(), c.says))) {
				t.Error(err)
			}
		})
	}
	if asked.count(withPassword) > 0 {
		t.Error("the proxy got the password")
	}
}

// TestSilence lets a server go quiet in the middle of an answer, and in the middle of an upload.
func TestSilence(t *testing.T) {
	quiet := make(chan struct{})
	server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			return
		}
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"items":[`)
			_ = http.NewResponseController(w).Flush()
		} else {
			_, _ = r.Body.Read(make([]byte, 1)) // asks for the body and then reads no more
		}
		<-quiet
	})
	t.Cleanup(func() { close(quiet) }) // before the server waits for its handlers
	c, naps := newClient(t, Options{Server: server.URL, Attempts: 2})
	c.silence = 50 * time.Millisecond
	_, err := c.Search(t.Context(), Query{})
	if !errors.Is(err, errSilent) || kindOfError(err) != noServer {
		t.Error(err)
	}
	body := bytes.NewReader(make([]byte, 64<<20)) // more than sockets buffer
	_, _, err = c.Publish(t.Context(), Publication{Archive: body, Size: body.Size(), Format: pack.FormatZip})
	if !errors.Is(err, errSilent) || kindOfError(err) != noServer || len(naps.all) != 1 {
		t.Errorf("%v, after %d waits", err, len(naps.all))
	}
	if n := asked.count(every); n != 4 { // a probe, a search, an upload twice
		t.Errorf("%d questions", n)
	}
}
