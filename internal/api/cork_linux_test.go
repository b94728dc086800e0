package api

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHeaderAndFileGoTogether counts the packets of files that fit into one of loopback: without the cork there is one more for each
// header.
func TestHeaderAndFileGoTogether(t *testing.T) {
	const size = 8_000
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
		t.Fatal(err)
	}
	s := bare(t, nil)
	ts := httptest.NewUnstartedServer(s.observe(s.handle(func(w http.ResponseWriter, _ *http.Request) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		w.Header().Set("Content-Length", "8000")
		_, err = io.Copy(w, &io.LimitedReader{R: f, N: size})
		return err
	})))
	var serverSide atomic.Pointer[net.TCPConn]
	ts.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		serverSide.Store(conn.(*net.TCPConn))
		return WithConnection(ctx, conn)
	}
	ts.Start()
	t.Cleanup(ts.Close)

	const rounds = 5
	conn := dial(t, ts, "GET / HTTP/1.1\nHost: x")
	answers := bufio.NewReaderSize(conn, 2*size)
	for i := range rounds { // the later ones on a connection that was corked before
		if i > 0 {
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size || res.StatusCode != http.StatusOK {
			t.Fatalf("%d: %d bytes: %v", res.StatusCode, n, err)
		}
	}
	if n := arrived(t, conn); n != rounds {
		t.Errorf("%d answers came in %d packets", rounds, n)
	}

	raw, err := serverSide.Load().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// The client may have the bytes a moment before the cork is drawn.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		corked := -1
		if err := raw.Control(func(fd uintptr) { corked, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK) }); err != nil {
			t.Fatal(err)
		}
		if corked == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cork is still there (%d): what comes next would wait", corked)
		}
	}
}

// arrived is how many packets with data a connection has got.
func arrived(t *testing.T, conn net.Conn) int {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	var failed error
	if err := raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return int(info.Data_segs_in)
}

// TestNoCork is a connection without one.
func TestNoCork(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	c := corkOf(WithConnection(t.Context(), server))
	c.insert()
	c.draw()
	if c != nil {
		t.Error("a pipe has a cork")
	}
}
