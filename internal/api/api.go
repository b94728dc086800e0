// Package api is the REST face: router, middleware, handlers, and the one table
// that turns error kinds into status codes.
//
// openapi.yaml comes first: gen/ is made from it, and a test holds it against the
// router. access.go says who may call which route.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"packregistry/internal/api/oci"
	"packregistry/internal/auth"
	"packregistry/internal/connect"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// Authenticator checks Basic credentials; *auth.Authenticator is one.
type Authenticator interface {
	Authenticate(ctx context.Context, user, password, address string) (auth.Identity, error)
}

// Palette knows the entries that Palettes have for this registry; *connect.Service is one.
type Palette interface {
	Statuses(ctx context.Context) ([]connect.Status, error)
	Leader(ctx context.Context) (string, error)
	VisibleIn(ctx context.Context, v *pack.Version) ([]pack.Visible, error)
}

// Config is what the face needs.
type Config struct {
	Registry *registry.Registry
	// OCI answers /v2; nil means that there is no such face.
	OCI oci.Core
	// BlobLimit is the largest OCI blob in bytes, the same as the core's; a larger
	// Content-Length is refused before the body. 0 is no limit.
	BlobLimit int64
	Auth      Authenticator
	// Palette tells what Palettes show; nil means that none is connected.
	Palette Palette
	// Realm is named in the Basic challenge; "" means "Pack Registry".
	Realm string
	// Anonymous is "none" (or ""), "logos" or "pull": what may be read without credentials.
	Anonymous string
	// Headers are set on every answer (http.headers of the configuration).
	Headers http.Header
	// Prefix is a path all routes live under, such as "/packs"; "" is none.
	Prefix string
	// TrustedProxies may tell the client's address in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// MaxUploads is the number of uploads in flight beyond which 429 is answered; 0 means DefaultMaxUploads.
	MaxUploads int
	// ArchiveLimit is the largest archive in bytes, the same as the registry's; a
	// larger Content-Length is refused before the body. 0 means DefaultArchiveLimit.
	ArchiveLimit int64
	// Draining turns readiness off before a shutdown and ends waiting readers and
	// event streams within a second. Nil means never.
	Draining func() bool
	Log      *slog.Logger
	Now      func() time.Time
	// Metrics is where the face registers its metrics, and what /metrics shows. Nil means one of its own.
	Metrics *prometheus.Registry
	// Version is the server's, for /api/v1/openapi.json and metrics.
	Version string
}

// Defaults of a Config.
const (
	DefaultMaxUploads   = 32
	DefaultArchiveLimit = 256 << 20
	defaultRealm        = "Pack Registry"
)

// The values of Config.Anonymous.
const (
	AnonymousNone  = "none"
	AnonymousLogos = "logos"
	AnonymousPull  = "pull"
)

// server holds what the handlers share.
type server struct {
	cfg     Config
	rules   map[accessKey]access
	buffers *sync.Pool // for copying answers
	headers headers
	router  chi.Router
	// routeContexts are *chi.Context, used again.
	routeContexts sync.Pool
	texts         sync.Pool // of []byte, for answers that are written in one piece
	answers       answers
	lastTag       atomic.Pointer[headTag]
	uploads       chan struct{} // one token for each upload in flight
	checks        chan struct{} // the same for validations: readers may ask for them, and must leave room for uploads
	metrics       *metrics
	spec          func() (*document, error)
	stall         time.Duration // how long a client may pause
	oci           *oci.Face     // nil: there is none
	toldOwnHost   atomic.Bool   // that redirects would take passwords along
}

// New makes the handler of all routes. Its error names the setting that is wrong.
func New(cfg Config) (http.Handler, error) {
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	return s.handler(), nil
}

func newServer(cfg Config) (*server, error) {
	if err := complete(&cfg); err != nil {
		return nil, err
	}
	s := &server{
		cfg: cfg, rules: accessRules(), uploads: make(chan struct{}, cfg.MaxUploads), stall: defaultStall,
		checks: make(chan struct{}, max(1, cfg.MaxUploads/2)), buffers: newBuffers(),
		texts:         sync.Pool{New: func() any { return []byte(nil) }},
		routeContexts: sync.Pool{New: func() any { return chi.NewRouteContext() }},
	}
	s.headers.configure(cfg.Headers, cfg.Now)
	if cfg.OCI != nil {
		s.oci = &oci.Face{Core: cfg.OCI, Prefix: cfg.Prefix, Content: s.serveContent}
	}
	// When it is first asked for: reading the YAML takes longer than all else that New does.
	s.spec = sync.OnceValues(func() (*document, error) { return newDocument(cfg.Version, cfg.Prefix) })
	var err error
	if s.metrics, err = newMetrics(cfg); err != nil {
		return nil, err
	}
	s.answers = newAnswers()
	s.router = s.newRouter()
	return s, nil
}

// complete checks a configuration and fills in its defaults.
func complete(cfg *Config) error {
	wrong := func(format string, args ...any) error {
		return pack.Errorf(pack.KindInvalid, "config_invalid", format, args...)
	}
	switch cfg.Anonymous {
	case "":
		cfg.Anonymous = AnonymousNone
	case AnonymousNone, AnonymousLogos, AnonymousPull:
	default:
		return wrong("auth.anonymous is %q; use none, logos or pull", cfg.Anonymous)
	}
	if cfg.Prefix != "" && (!strings.HasPrefix(cfg.Prefix, "/") || strings.HasSuffix(cfg.Prefix, "/") || strings.ContainsAny(cfg.Prefix, "%?#*{} ")) {
		return wrong("http.prefix is %q; it starts with a slash, does not end with one, and is plain", cfg.Prefix)
	}
	if cfg.Auth == nil || cfg.Registry == nil {
		return wrong("the REST face needs a registry and an authenticator")
	}
	if cfg.Realm == "" {
		cfg.Realm = defaultRealm
	}
	if cfg.MaxUploads <= 0 {
		cfg.MaxUploads = DefaultMaxUploads
	}
	if cfg.ArchiveLimit <= 0 {
		cfg.ArchiveLimit = DefaultArchiveLimit
	}
	if cfg.Draining == nil {
		cfg.Draining = func() bool { return false }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if _, ok := cfg.Log.Handler().(logHandler); !ok {
		cfg.Log = slog.New(LogHandler(cfg.Log.Handler()))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	return nil
}
