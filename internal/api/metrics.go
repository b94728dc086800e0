package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"packregistry/internal/registry"
)

// metrics are the numbers of the face. Labels are bounded: route patterns, the
// methods there are, and classes of status.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	uploads   prometheus.Gauge
	bytesIn   prometheus.Counter
	bytesOut  prometheus.Counter
	redirects prometheus.Counter
	promHTTP  http.Handler

	// known are the series that were in use already: looking one up by its labels costs
	// more than all else here.
	known atomic.Pointer[map[seriesKey]series]
	mu    sync.Mutex // of who adds to known
}

// seriesKey and series are one route, method and class of status.
type seriesKey struct {
	route, method string
	class         int
}

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer // nil: not measured
}

// of finds the series of a key, which are as few as its values are bounded.
func (m *metrics) of(key seriesKey) series {
	known := m.known.Load()
	if known != nil {
		if s, ok := (*known)[key]; ok {
			return s
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := series{requests: m.requests.WithLabelValues(key.route, key.method, strconv.Itoa(key.class)+"xx")}
	if key.route != "/api/v1/sync/events" { // lasts as long as the reader stays
		s.duration = m.duration.WithLabelValues(key.route, key.method)
	}
	next := map[seriesKey]series{key: s}
	if known = m.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	m.known.Store(&next)
	return s
}

func newMetrics(cfg Config) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "registry_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "registry_http_request_duration_seconds", Help: "Time from request to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "registry_http_requests_in_flight", Help: "Requests being answered."}),
		uploads:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "registry_uploads_in_flight", Help: "Archives being taken in or checked."}),
		bytesIn:  prometheus.NewCounter(prometheus.CounterOpts{Name: "registry_upload_bytes_total", Help: "Bytes of archives received."}),
		bytesOut: prometheus.NewCounter(prometheus.CounterOpts{Name: "registry_download_bytes_total", Help: "Bytes of archives and files sent."}),
		redirects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "registry_download_redirects_total", Help: "Downloads sent to the store, whose bytes are not counted here.",
		}),
		promHTTP: promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "registry_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": cfg.Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight, m.uploads, m.bytesIn, m.bytesOut, m.redirects, build} {
		if err := cfg.Metrics.Register(c); err != nil {
			return nil, err
		}
	}
	if cfg.Palette != nil {
		if err := cfg.Metrics.Register(newPaletteMetrics(cfg.Palette, cfg.Log)); err != nil {
			return nil, err
		}
	}
	for _, c := range append(coreMetrics(cfg.Registry, cfg.Log), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})) {
		// Whoever made the registry may have put some of these in already.
		var there prometheus.AlreadyRegisteredError
		if err := cfg.Metrics.Register(c); err != nil && !errors.As(err, &there) {
			return nil, err
		}
	}
	return m, nil
}

// coreMetrics shows the counters that the core keeps.
func coreMetrics(r *registry.Registry, log *slog.Logger) []prometheus.Collector {
	counter := func(name, help string, labels prometheus.Labels, value func(registry.Counts) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(r.Counts())) })
	}
	outcome := func(name string, value func(registry.Counts) int64) prometheus.Collector {
		return counter("registry_publishes_total", "Publishes by outcome.", prometheus.Labels{"outcome": name}, value)
	}
	return []prometheus.Collector{
		outcome("created", func(c registry.Counts) int64 { return c.Created }),
		outcome("replaced", func(c registry.Counts) int64 { return c.Replaced }),
		outcome("same", func(c registry.Counts) int64 { return c.Same }),
		outcome("refused", func(c registry.Counts) int64 { return c.Refused }),
		outcome("failed", func(c registry.Counts) int64 { return c.Failed }),
		counter("registry_swept_blobs_total", "Blobs removed by sweeps.", nil, func(c registry.Counts) int64 { return c.SweptBlobs }),
		counter("registry_swept_bytes_total", "Bytes removed by sweeps.", nil, func(c registry.Counts) int64 { return c.SweptBytes }),
		counter("registry_feed_head_hits_total", "Looks at the feed's head answered from memory.", nil, func(c registry.Counts) int64 { return c.HeadHits }),
		counter("registry_feed_head_reads_total", "Looks at the feed's head that asked the database.", nil, func(c registry.Counts) int64 { return c.HeadReads }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "registry_feed_waiting", Help: "Readers that wait for a change."},
			func() float64 { return float64(r.Counts().Waiting) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "registry_feed_head", Help: "Number of the newest change; NaN when the database does not tell."},
			func() float64 { return headNumber(r, log) }),
	}
}

// headTimeout bounds what a scrape waits for the database.
const headTimeout = 2 * time.Second

func headNumber(r *registry.Registry, log *slog.Logger) float64 {
	ctx, cancel := context.WithTimeout(context.Background(), headTimeout)
	defer cancel()
	n, err := r.HeadNumber(ctx)
	if err != nil {
		log.Warn("metrics have no feed head", "error", err)
		return math.NaN()
	}
	return float64(n)
}

func (m *metrics) observe(method string, c *call, w *writer, took time.Duration) {
	route := c.route
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	s := m.of(seriesKey{route, method, w.code() / 100})
	s.requests.Inc()
	if s.duration != nil {
		s.duration.Observe(took.Seconds())
	}
	switch c.transfer {
	case upload:
		m.bytesIn.Add(float64(c.body.n))
	case download:
		m.bytesOut.Add(float64(w.bytes))
	}
}
