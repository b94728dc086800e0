// Package server listens: plain HTTP or TLS by files or by ACME, limits against
// clients that never finish, and a shutdown that lets what is in flight end.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// readHeaderTimeout ends clients that send their header byte by byte. There is
	// no timeout on bodies here: a big upload over a slow line is honest; the
	// handlers move a deadline along while bytes flow.
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeader         = 64 << 10
	// keepAlive finds peers that vanished without a word.
	keepAlive = 30 * time.Second
)

// Options say how to listen.
type Options struct {
	Addr    string // host:port or :port
	Handler http.Handler
	// ConnContext is that of http.Server; nil is none.
	ConnContext func(ctx context.Context, conn net.Conn) context.Context
	// TLS is nil for plain HTTP.
	TLS *tls.Config
	// OnDrain is called when the shutdown begins, before the listener closes:
	// readiness goes off, streams without end are told to end.
	OnDrain func()
	// DrainDelay is how long the listener still accepts after OnDrain, so that load
	// balancers notice.
	DrainDelay time.Duration
	// DrainTimeout is how long requests in flight may take after that.
	DrainTimeout time.Duration
	Log          *slog.Logger
}

// Server is a listener with its handler.
type Server struct {
	opts     Options
	http     *http.Server
	listener net.Listener
}

// Listen takes the address, so that an address in use is told before anything
// else happens. Nothing is served before Serve.
func Listen(ctx context.Context, opts Options) (*Server, error) {
	lc := net.ListenConfig{KeepAlive: keepAlive}
	l, err := lc.Listen(ctx, "tcp", opts.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: opts, listener: l}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(opts.TLS != nil)
	s.http = &http.Server{
		Handler: opts.Handler, ConnContext: opts.ConnContext, TLSConfig: opts.TLS, Protocols: protocols,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		// Failed handshakes and the like: anybody can cause them, so they are no warning.
		ErrorLog: slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is the address taken, with the real port when the option said 0.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// SetHandler sets the handler, for one that needs to know the address. Only
// before Serve.
func (s *Server) SetHandler(h http.Handler) { s.http.Handler = h }

// Close gives the address back without serving.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers requests until ctx ends, then drains: OnDrain, DrainDelay, the
// listener closes, and requests in flight have DrainTimeout to end; those that do
// not are cut off, which is an error. It returns when all is over.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if s.opts.TLS != nil {
			failed <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		failed <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("listening on %s: %w", s.opts.Addr, err)
	case <-ctx.Done():
	}
	s.opts.Log.Info("shutting down", "delay", s.opts.DrainDelay.String(), "timeout", s.opts.DrainTimeout.String())
	if s.opts.OnDrain != nil {
		s.opts.OnDrain()
	}
	time.Sleep(s.opts.DrainDelay)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.DrainTimeout)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("requests in flight were cut off after %s: %w", s.opts.DrainTimeout, err), s.http.Close())
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
