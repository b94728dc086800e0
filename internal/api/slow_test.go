package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// dial opens a raw connection and sends the head of a request.
func dial(t *testing.T, ts *httptest.Server, head string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// impatient is a handler that reads its body and says what came, on a server
// that does not wait long.
func impatient(t *testing.T, stall time.Duration, h func(s *server, w http.ResponseWriter, r *http.Request) error) (*httptest.Server, *server) {
	t.Helper()
	s := bare(t, nil)
	s.stall = stall
	return newHTTP(t, s.observe(s.handle(func(w http.ResponseWriter, r *http.Request) error { return h(s, w, r) }))), s
}

func readBody(_ *server, w http.ResponseWriter, r *http.Request) error {
	callOf(r.Context()).body.limit = 1 << 30
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return fmt.Errorf("a lower room wraps: %w", pack.Wrap(pack.KindInternal, err, "hm"))
	}
	fmt.Fprintf(w, "%d bytes", n)
	return nil
}

// TestStalledUploadEnds sends a beginning and then nothing.
func TestStalledUploadEnds(t *testing.T) {
	ts, _ := impatient(t, 100*time.Millisecond, readBody)
	conn := dial(t, ts, "POST / HTTP/1.1\nHost: x\nContent-Length: 100000")
	if _, err := io.WriteString(conn, "0123456789"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 408 ") || !strings.Contains(string(got), `"too_slow"`) {
		t.Errorf("%v %s", err, got)
	}
}

// TestTrickleEnds sends a byte now and then: never a stall, and never an end.
func TestTrickleEnds(t *testing.T) {
	ts, _ := impatient(t, 400*time.Millisecond, readBody)
	conn := dial(t, ts, "POST / HTTP/1.1\nHost: x\nContent-Length: 1000000")
	go func() {
		for {
			if _, err := io.WriteString(conn, "."); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	// The answer may be lost to a reset, for the client never stops sending; the end is what counts.
	got, _ := io.ReadAll(conn)
	if len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
		t.Errorf("%s", got)
	}
}

// TestReaderThatStopsIsLetGo asks for much and reads nothing.
func TestReaderThatStopsIsLetGo(t *testing.T) {
	done := make(chan error, 1)
	ts, _ := impatient(t, 100*time.Millisecond, func(_ *server, w http.ResponseWriter, _ *http.Request) error {
		_, err := io.Copy(w, io.LimitReader(zeros{}, 1<<30))
		done <- err
		return nil
	})
	dial(t, ts, "GET / HTTP/1.1\nHost: x")
	if err := <-done; err == nil {
		t.Error("a gigabyte went to a reader that reads nothing")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestSlowReaderFinishes takes several stalls' time for a download and still gets all of it.
func TestSlowReaderFinishes(t *testing.T) {
	const size = 24 << 20
	ts, _ := impatient(t, time.Second, func(s *server, w http.ResponseWriter, r *http.Request) error {
		return s.serveContent(w, r, &registry.Content{
			Digest: pack.Digest("sha256:" + strings.Repeat("0", 64)), Size: size,
			Open: func(context.Context, int64, int64) (io.ReadCloser, error) {
				return io.NopCloser(io.LimitReader(zeros{}, size)), nil
			},
		}, false)
	})
	res, err := ts.Client().Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	total := int64(0)
	for {
		n, err := io.CopyN(io.Discard, res.Body, 1<<20)
		total += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", total, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if total != size {
		t.Errorf("%d bytes", total)
	}
}

// TestLongAnswerAfterABody: the deadline of the body must not end what comes after it.
func TestLongAnswerAfterABody(t *testing.T) {
	const stall = time.Second
	ts, _ := impatient(t, stall, func(s *server, w http.ResponseWriter, r *http.Request) error {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(stall + 500*time.Millisecond):
		}
		_, err := io.WriteString(w, "done")
		return err
	})
	for range 2 { // the second on the same connection
		ask(t, ts, "", "POST", "/", bytes.NewReader(make([]byte, 10_000))).want(t, 200, "done")
		time.Sleep(stall + 200*time.Millisecond) // idle longer than the write deadline of the answer before
	}
}

// TestBodyThatNeverComesEnds announces a body to handlers that want none. The
// connection's own deadline is what fails the test of a server that waits for ever.
func TestBodyThatNeverComesEnds(t *testing.T) {
	ts := newHTTP(t, bare(t, nil).handler())
	for name, c := range map[string]struct{ head, want string }{
		"no credentials":  {"POST /api/v1/packs HTTP/1.1\nHost: x\nContent-Length: 100", "HTTP/1.1 401 "},
		"waits for 100":   {"POST /api/v1/packs HTTP/1.1\nHost: x\nContent-Length: 100\nExpect: 100-continue", "HTTP/1.1 401 "},
		"GET with length": {"GET /health HTTP/1.1\nHost: x\nContent-Length: 100", "HTTP/1.1 200 "},
		"GET in chunks":   {"GET /health HTTP/1.1\nHost: x\nTransfer-Encoding: chunked", "HTTP/1.1 200 "},
		"large answer":    {"GET /api/v1/openapi.json HTTP/1.1\nHost: x\nContent-Length: 100", "HTTP/1.1 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, ts, c.head)
			if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), c.want) {
				t.Errorf("%v %.300s", err, got)
			}
		})
	}
}

// TestUnreadBodyKeepsTheConnection: a small body that nobody wants does not cost
// the connection, nor does its deadline end a long answer.
func TestUnreadBodyKeepsTheConnection(t *testing.T) {
	ts, _ := impatient(t, time.Minute, func(_ *server, w http.ResponseWriter, r *http.Request) error {
		w.WriteHeader(http.StatusOK)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			t.Error("the answer was ended")
		case <-time.After(lingerTime + 500*time.Millisecond):
		}
		_, err := io.WriteString(w, "done")
		return err
	})
	for range 2 {
		a := ask(t, ts, "", "GET", "/", bytes.NewReader(make([]byte, 10_000))).want(t, 200, "done")
		if a.header.Get("Connection") != "" {
			t.Error("the connection was given up")
		}
	}
}
