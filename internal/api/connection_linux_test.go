package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fileServer serves a file of a size through the writer. It gives the server's side of the newest connection.
func fileServer(t *testing.T) (ts *httptest.Server, connected func() syscall.RawConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20)); err != nil {
		t.Fatal(err)
	}
	s := bare(t, nil)
	ts = httptest.NewUnstartedServer(s.observe(s.handle(func(w http.ResponseWriter, r *http.Request) error {
		size, err := strconv.ParseInt(r.URL.Path[1:], 10, 64)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		w.Header().Set("Content-Length", r.URL.Path[1:])
		if _, err := io.Copy(w, &io.LimitedReader{R: f, N: size}); err != nil {
			panic(http.ErrAbortHandler) // the client went away
		}
		return nil
	})))
	var serverSide atomic.Pointer[net.TCPConn]
	ts.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		serverSide.Store(conn.(*net.TCPConn))
		return WithConnection(ctx, conn)
	}
	ts.Start()
	t.Cleanup(ts.Close)
	return ts, func() syscall.RawConn {
		raw, err := serverSide.Load().SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}

// TestHeaderAndFileGoTogether counts the packets of files that fit into one of loopback: without the cork there is one more for each
// header. One of them is longer than what may wait of a long one.
func TestHeaderAndFileGoTogether(t *testing.T) {
	ts, connected := fileServer(t)
	sizes := []int64{8_000, 8_000, 8_000, 40_000, 1_000_000, 40_000, 8_000}
	conn := dial(t, ts, "GET /8000 HTTP/1.1\nHost: x")
	answers := bufio.NewReaderSize(conn, 1<<20)
	before := 0
	for i, size := range sizes { // the later ones on a connection that was corked before
		if i > 0 {
			if _, err := fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", size); err != nil {
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
		packets := arrived(t, conn)
		if size <= writeChunk && packets-before != 1 {
			t.Errorf("answer %d, of %d bytes, came in %d packets", i, size, packets-before)
		}
		before = packets
	}

	// The client may have the bytes a moment before the cork is drawn.
	raw := connected()
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

// TestLittleWaitsUnsent has a client that does not read: what the kernel holds for it and could not send is short, and
// without the limit would be megabytes.
func TestLittleWaitsUnsent(t *testing.T) {
	ts, connected := fileServer(t)
	conn := dial(t, ts, "GET /67108864 HTTP/1.1\nHost: x")
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	raw := connected()
	for deadline := time.Now().Add(10 * time.Second); ; {
		before := tcpInfo(t, raw).Bytes_sent
		time.Sleep(100 * time.Millisecond)
		info := tcpInfo(t, raw)
		if info.Bytes_sent == before && info.Notsent_bytes > 0 { // the client's side is full
			if info.Notsent_bytes > 8*unsentBytes {
				t.Errorf("%d bytes wait", info.Notsent_bytes)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes wait after %d, which still grow", info.Notsent_bytes, info.Bytes_sent)
		}
	}
}

func tcpInfo(t *testing.T, raw syscall.RawConn) (info *unix.TCPInfo) {
	t.Helper()
	var failed error
	if err := raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return info
}

// arrived is how many packets with data a connection has got.
func arrived(t *testing.T, conn net.Conn) int {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return int(tcpInfo(t, raw).Data_segs_in)
}

// TestNoConnection is a request without one.
func TestNoConnection(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	c := connectionOf(WithConnection(t.Context(), server))
	c.short()
	c.sent()
	c.long()
	if c != nil {
		t.Error("a pipe has TCP options")
	}
}
