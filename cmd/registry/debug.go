package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/config"
	"packregistry/internal/server"
)

// debugDrain is how long a profile in the making may hold up the end of the server.
const debugDrain = time.Second

// serveDebug answers on the debug address, when there is one, until the function it returns is called. It speaks
// TLS when the server does: the same passwords travel.
func serveDebug(ctx context.Context, cfg *config.Config, face api.Config, tlsConfig *tls.Config, log *slog.Logger) (end func(), err error) {
	if cfg.HTTP.Debug.Addr == "" {
		return func() {}, nil
	}
	handler, err := api.NewDebug(face)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		tlsConfig = tlsConfig.Clone()
	}
	srv, err := server.Listen(ctx, server.Options{Addr: cfg.HTTP.Debug.Addr, Handler: handler, TLS: tlsConfig, DrainTimeout: debugDrain, Log: log})
	if err != nil {
		return nil, fmt.Errorf("http.debug.addr: %w; choose another address or stop what uses it", err)
	}
	log.Info("profiles and variables are served to admins", "address", srv.Addr().String())
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// A profile that is cut off, or a listener that fails, is no failure of the server.
		if err := srv.Serve(ctx); err != nil {
			log.Warn("the debug address has ended", "error", err)
		}
	}()
	return func() { stop(); <-ended }, nil
}
