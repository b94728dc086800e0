package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"packregistry/internal/api"
	"packregistry/internal/auth"
	"packregistry/internal/config"
	"packregistry/internal/server"
)

// softMemoryLimit makes the garbage collector work harder above this many bytes,
// instead of letting the heap double. It is no wall: a server that needs more
// gets it. GOMEMLIMIT overrides it.
const softMemoryLimit = 48 << 20

// heapGrowth is how much the heap may grow between two collections, in percent of what lives. Of the few megabytes that
// live here Go's own 100 makes a goal of 4 MiB, which a busy server fills forty times a second. GOGC overrides it.
const heapGrowth = 200

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve [config.yml]", Short: "run the server", Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, log, err := p.load(first(given))
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context(), p.stderr)
			defer stop()
			return p.serve(ctx, cfg, log)
		},
	}
}

// untilSignal ends the context at the first SIGINT or SIGTERM; at the second the
// process ends at once.
func untilSignal(ctx context.Context, stderr io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		cancel()
		<-signals
		fmt.Fprintln(stderr, "registry: a second signal: ending at once")
		os.Exit(1)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// serve runs the server until ctx ends.
func (p *program) serve(ctx context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	if p.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemoryLimit)
	}
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if err := checkPalette(cfg); err != nil {
		return err
	}
	tlsConfig, err := serverTLS(ctx, cfg, log, false)
	if err != nil {
		return err
	}
	if tlsConfig == nil {
		log.Warn("no TLS is configured: passwords and packs travel in the clear, unless a proxy in front speaks HTTPS")
	}
	var draining atomic.Bool
	srv, err := server.Listen(ctx, server.Options{
		Addr: cfg.HTTP.Addr, ConnContext: api.WithConnection, TLS: tlsConfig, Log: log,
		OnDrain: func() { draining.Store(true) }, DrainDelay: cfg.HTTP.DrainDelay, DrainTimeout: cfg.HTTP.DrainTimeout,
	})
	if err != nil {
		return fmt.Errorf("http.addr: %w; choose another address or stop what uses it", err)
	}
	defer srv.Close()
	back, err := openBackend(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, back.close()) }()
	authenticator, err := newAuthenticator(cfg, back.db, log)
	if err != nil {
		return err
	}
	core, err := newRegistry(cfg, back, log)
	if err != nil {
		return err
	}
	connector, closePalette, err := newConnect(cfg, back, core, log)
	if err != nil {
		return err
	}
	defer closePalette()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if back.cache != nil {
		metrics.MustRegister(cacheMetrics(back.cache)...)
	}
	face := api.Config{
		Registry: core, OCI: newOCI(cfg, back, core, log), BlobLimit: int64(cfg.Limits.Blob), Auth: authenticator, Palette: connector, Realm: cfg.Auth.Realm, Anonymous: cfg.Auth.Anonymous, Headers: header(cfg.HTTP.Headers),
		Prefix: cfg.HTTP.Prefix, TrustedProxies: cfg.HTTP.TrustedProxies, MaxUploads: cfg.HTTP.MaxUploads,
		ArchiveLimit: int64(cfg.Limits.Archive), Draining: draining.Load, Log: log, Now: time.Now, Metrics: metrics, Version: buildVersion(),
	}
	handler, err := api.New(face)
	if err != nil {
		return err
	}
	srv.SetHandler(handler)
	base := baseURL(cfg, srv.Addr())
	if err := p.firstStart(ctx, cfg, back, authenticator.FileAccounts(), base, log); err != nil {
		return err
	}
	endDebug, err := serveDebug(ctx, cfg, face, tlsConfig, log)
	if err != nil {
		return err
	}
	defer endDebug()
	// It ends with the signal, so that another replica takes over while this one drains.
	following, stopFollowing := context.WithCancel(ctx)
	defer followPalette(following, cfg, connector)()
	defer stopFollowing()
	// The core ends after the last request, not before.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- core.Run(background) }()
	// What does not work from the start, such as a bucket that is not there, is logged; the server waits for it.
	var look sync.WaitGroup
	look.Go(func() { core.Ready(background) })
	defer look.Wait()
	log.Info("the registry is running", "url", base.url, "version", buildVersion(), "storage", cfg.Storage.Driver, "database", databaseKind(cfg))
	err = srv.Serve(ctx)
	stop()
	if runErr := <-ended; runErr != nil && !errors.Is(runErr, context.Canceled) {
		err = errors.Join(err, runErr)
	}
	if err == nil {
		log.Info("the registry has stopped")
	}
	return err
}

// dryRun checks TLS settings without starting anything.
const dryRun = true

// serverTLS is nil when no TLS is configured.
func serverTLS(ctx context.Context, cfg *config.Config, log *slog.Logger, dry bool) (*tls.Config, error) {
	t := cfg.HTTP.TLS
	switch {
	case t.Certificate != "":
		return server.FromFiles(server.FileOptions{
			Certificate: t.Certificate, Key: t.Key, ClientCAs: t.ClientCAs, MinimumTLS: t.MinimumTLS, Log: log, Now: time.Now,
		})
	case len(t.LetsEncrypt.Hosts) == 0 || dry:
		return nil, nil //nolint:nilnil // plain HTTP is a lawful answer
	}
	le := t.LetsEncrypt
	addr := le.HTTPAddr
	if addr == "none" {
		addr = ""
	}
	tlsConfig, err := server.FromACME(ctx, server.ACMEOptions{
		CacheDir: le.CacheFile, Email: le.Email, Hosts: le.Hosts, Directory: le.Directory, CA: le.CA, HTTPAddr: addr,
		MinimumTLS: t.MinimumTLS, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if len(t.ClientCAs) > 0 {
		err = server.RequireClients(tlsConfig, t.ClientCAs)
	}
	return tlsConfig, err
}

// newAuthenticator takes accounts from the catalogue (nil: none) and the htpasswd file.
func newAuthenticator(cfg *config.Config, accounts accountLister, log *slog.Logger) (*auth.Authenticator, error) {
	c := auth.Config{
		Htpasswd: cfg.Auth.Htpasswd, Admins: cfg.Auth.Admins, Publishers: cfg.Auth.Publisher, Now: time.Now, Log: log,
	}
	if accounts != nil {
		c.Store = accountStore{accounts}
	}
	a, err := auth.New(c)
	if err != nil {
		return nil, fmt.Errorf("auth.htpasswd.path: %w; make it with htpasswd -B, or remove the setting", err)
	}
	return a, nil
}

func databaseKind(cfg *config.Config) string {
	kind, _, _ := strings.Cut(cfg.Database.URL, ":")
	return kind
}
