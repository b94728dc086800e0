package palette_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/testenv"
)

func TestUnreachable(t *testing.T) {
	c := newClock()
	_, s := fake(t, c)
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	closed := "https://" + testenv.FreeAddr(t)
	for name, tc := range map[string]struct {
		change func(*palette.Options)
		want   string
		again  bool
	}{
		"an authority not trusted": {func(o *palette.Options) { o.CA = nil }, "CA certificate", false},
		"another name":             {func(o *palette.Options) { o.URL = "https://localhost" + port }, "not for localhost", false},
		"nobody":                   {func(o *palette.Options) { o.URL = closed }, "nobody listens", true},
		"no host":                  {func(o *palette.Options) { o.URL = "https://palette.invalid" }, "name", true},
		"no TLS": {func(o *palette.Options) {
			o.URL = strings.Replace(plain(t, http.NotFoundHandler()), "http:", "https:", 1)
		}, "does not speak TLS", false},
	} {
		t.Run(name, func(t *testing.T) {
			waits := len(c.long())
			_, err := client(t, s, c, tc.change).List(context.Background(), palette.KindOCI)
			if !pack.IsKind(err, pack.KindUnavailable) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v", err)
			}
			if again := len(c.long()) > waits; again != tc.again {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

func TestProxyThatRefuses(t *testing.T) {
	for status, want := range map[int]string{407: "wants a login", 403: "NO_PROXY", 503: "NO_PROXY"} {
		c := newClock()
		_, s := fake(t, c)
		front := plain(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		cl := client(t, s, c, func(o *palette.Options) {
			o.Proxy = func(*http.Request) (*url.URL, error) {
				return url.Parse(strings.Replace(front, "http://", "http://me:pw@", 1))
			}
		})
		_, err := cl.List(context.Background(), palette.KindOCI)
		if !pack.IsKind(err, pack.KindUnavailable) || !strings.Contains(err.Error(), want) || (len(c.long()) > 0) != (status == 503) {
			t.Errorf("%d: %v, waits %v", status, err, c.long())
		}
	}
}

// TestProxyFromEnvironment runs this test's program again: net/http reads the environment once.
func TestProxyFromEnvironment(t *testing.T) {
	c := newClock()
	if ca := os.Getenv("TEST_PALETTE_CA"); ca != "" {
		cl, err := palette.New(palette.Options{URL: "https://example.com", Login: palette.Login{APIKey: apiKey}, CA: []byte(ca), Now: c.now, Sleep: c.sleep})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cl.List(context.Background(), palette.KindOCI); err != nil {
			t.Fatal(err)
		}
		return
	}
	_, s := fake(t, c)
	var through atomic.Int64
	front := plain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		through.Add(1)
		to, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "https://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		from, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer from.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, buffered); to.Close() }()
		_, _ = io.Copy(from, to)
	}))
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxyFromEnvironment$", "-test.count=1")
	cmd.Env = append(os.Environ(), "TEST_PALETTE_CA="+string(certificate(s)), "HTTPS_PROXY="+front, "NO_PROXY=", "no_proxy=", "https_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil || through.Load() != 1 {
		t.Errorf("%v, %d connections\n%s", err, through.Load(), out)
	}
}

// plain serves a handler over plain HTTP.
func plain(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
