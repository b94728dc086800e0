package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack"
	"packregistry/internal/testenv"
)

const password = "a-client-password"

// program builds the real registry once for all tests that want it.
var program = sync.OnceValues(testenv.BuildRegistry)

func TestMain(m *testing.M) {
	code := m.Run()
	bin, _ := program()
	testenv.RemoveProgram(bin)
	os.Exit(code)
}

// registry starts a real server and gives host:port. It listens when this returns.
func registry(t *testing.T, env ...string) string {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := testenv.FreeAddr(t), t.TempDir()
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "serve")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "REGISTRY_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, "REGISTRY_HTTP_ADDR="+addr, "REGISTRY_ADMIN_PASSWORD="+password, "REGISTRY_AUTH_BCRYPTCOST=4",
		"REGISTRY_HTTP_DRAINDELAY=0s", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+filepath.Join(dir, "data")), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); output.Close() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(output.Name())
			t.Fatalf("no server after a minute:\n%s", text)
		}
	}
}

// naps are the waits of a client that does not wait.
type naps struct {
	mu  sync.Mutex
	all []time.Duration
}

func (n *naps) sleep(ctx context.Context, d time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d > 0 {
		n.all = append(n.all, d)
	}
	return ctx.Err()
}

// newClient makes a client that does not wait, with the account admin.
func newClient(t *testing.T, o Options) (*Client, *naps) {
	t.Helper()
	n := &naps{}
	o.Sleep = n.sleep
	if o.Username == "" {
		o.Username, o.Password = "admin", password
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyURL(nil)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c, n
}

// route makes the client find a host:port elsewhere. Where nothing is named nobody listens.
func route(c *Client, table map[string]string) {
	c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		to, ok := table[addr]
		if !ok {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", refusedErrno())}
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
}

func refusedErrno() syscall.Errno {
	if isErrno(wsaConnRefused, syscall.ECONNREFUSED, wsaConnRefused) {
		return wsaConnRefused
	}
	return syscall.ECONNREFUSED
}

// seen is what a server was asked.
type seen struct {
	mu   sync.Mutex
	list []*http.Request
}

func (s *seen) add(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, r)
}

// count is how many requests f holds for.
func (s *seen) count(f func(*http.Request) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if f(r) {
			n++
		}
	}
	return n
}

func withPassword(r *http.Request) bool { return r.Header.Get("Authorization") != "" }
func isProbe(r *http.Request) bool      { return strings.HasSuffix(r.URL.Path, "/health") }
func every(*http.Request) bool          { return true }

// serve starts a server and gives what it is asked.
func serve(t *testing.T, tls bool, f http.HandlerFunc) (*httptest.Server, *seen) {
	t.Helper()
	asked := &seen{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.add(r); f(w, r) }))
	s.Config.ErrorLog = silentLog()
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, asked
}

// emptyPage answers a search.
func emptyPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"items":[],"next":""}`)
}

// authority makes a CA and a server certificate for the names, which holds for a day from a time on.
func authority(t *testing.T, from time.Time, names ...string) *certs.Result {
	t.Helper()
	r, err := certs.Make(certs.Options{Dir: t.TempDir(), Names: names, Days: 1, Now: func() time.Time { return from }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kinds of errors, for tables: "" for nil, "network", else the kind.
func kindOfError(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(*NetworkError)):
		return "network"
	}
	return string(pack.KindOf(err))
}

// proxyTCP listens and gives each connection, with one to the server when there is one, to f. Both are closed after.
func proxyTCP(t *testing.T, server string, f func(client, server net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer in.Close()
				var out net.Conn
				if server != "" {
					if out, err = net.Dial("tcp", server); err != nil {
						return
					}
					defer out.Close()
				}
				f(in, out)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() { _, _ = io.Copy(pair[0], pair[1]); done <- struct{}{} }()
	}
	<-done
	a.Close()
	b.Close()
	<-done
}

func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }
