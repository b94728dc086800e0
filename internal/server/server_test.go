package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// start serves a handler until the returned function is called.
func start(t *testing.T, o Options) (addr string, stop func() error) {
	t.Helper()
	o.Addr, o.Log = "127.0.0.1:0", slog.New(slog.NewTextHandler(testWriter{t}, nil))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Listen(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return s.Addr().String(), func() error { cancel(); return <-done }
}

// A request in flight ends well; readiness goes off while the listener still accepts.
func TestDrain(t *testing.T) {
	for delay := 500 * time.Millisecond; !drains(t, delay); delay *= 4 {
		t.Logf("this machine took longer than %s for a request: once more, with a longer delay", delay)
	}
}

// drains is false when the delay was over before it could be told whether the listener accepts in it.
func drains(t *testing.T, delay time.Duration) bool {
	entered, release := make(chan struct{}), make(chan struct{})
	draining := make(chan time.Time, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-release
		}
		_, _ = io.WriteString(w, "whole")
	})
	addr, stop := start(t, Options{Handler: h, OnDrain: func() { draining <- time.Now() }, DrainDelay: delay, DrainTimeout: time.Minute})
	slow := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		slow <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	since := <-draining
	resp, err := http.Get("http://" + addr + "/ready")
	if err == nil {
		resp.Body.Close()
	} else if time.Since(since) < delay {
		t.Fatalf("the listener was closed before the load balancer could notice: %v", err)
	}
	for { // until the listener is closed
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	close(release)
	if got := <-slow; got != "whole" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	return err == nil
}

// A request that does not end is cut off after the timeout, and that is told.
func TestDrainTimeout(t *testing.T) {
	var entered atomic.Bool
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered.Store(true)
		<-r.Context().Done()
	})
	addr, stop := start(t, Options{Handler: h, DrainTimeout: 50 * time.Millisecond})
	go func() {
		if resp, err := http.Get("http://" + addr); err == nil {
			resp.Body.Close()
		}
	}()
	for !entered.Load() {
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("stopped with %v", err)
	}
}

// A header without end is refused, however much of it comes.
func TestHeaderIsBounded(t *testing.T) {
	addr, stop := start(t, Options{Handler: http.NotFoundHandler(), DrainTimeout: time.Minute})
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	req, err := http.NewRequest(http.MethodGet, "http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 2*maxHeader))
	resp, err := http.DefaultClient.Do(req)
	if err != nil { // the connection was closed before the answer could be read: refused as well
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAddressInUse(t *testing.T) {
	addr, stop := start(t, Options{Handler: http.NotFoundHandler(), DrainTimeout: time.Minute})
	if s, err := Listen(t.Context(), Options{Addr: addr, Log: slog.New(slog.DiscardHandler)}); err == nil {
		s.Close()
		t.Error("two servers on one address")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
