package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/auth"
)

// serveDebug answers /debug/pprof on an address of its own until the returned
// function is called. Profiles tell what the server works on, so only admins see them.
func serveDebug(ctx context.Context, addr string, who api.Authenticator, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http.debug.addr: %w; choose another address or stop what uses it", err)
	}
	srv := &http.Server{Handler: adminOnly(who, profiles()), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the debug address does not answer any more", "error", err)
		}
	}()
	log.Info("profiles are served to admins", "address", l.Addr().String())
	return func() { _ = srv.Close() }, nil // a profile in progress is not waited for
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// adminOnly lets admins through and tells nobody else anything.
func adminOnly(who api.Authenticator, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ok && err == nil {
			caller, err := who.Authenticate(r.Context(), user, password, host)
			if err == nil && caller.Role == auth.Admin {
				next.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="Pack Registry debug"`)
		http.Error(w, "this needs an admin", http.StatusUnauthorized)
	})
}
