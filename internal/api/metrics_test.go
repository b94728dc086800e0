package api

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// TestMetrics counts what happened under labels that no client can choose.
func TestMetrics(t *testing.T) {
	h := newHouse(t, nil)
	data := small("alpha", "1.0.0")
	h.push(data, "")
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.0.0/archive", nil).want(t, 200)
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/2.0.0/archive", nil).want(t, 404)
	h.as("", "GET", "/made/up/by/a/client", nil).want(t, 404)
	h.as("", "MADEUP", "/health", nil).want(t, 405)
	text := h.as("reader", "GET", "/metrics", nil).want(t, 200).body
	archive := `method="GET",route="/api/v1/packs/{name}/versions/{ref}/archive"}`
	for _, want := range []string{
		`registry_http_requests_total{class="2xx",` + archive + " 1",
		`registry_http_requests_total{class="4xx",` + archive + " 1",
		`registry_http_requests_total{class="4xx",method="GET",route="none"} 1`,
		`registry_http_requests_total{class="4xx",method="other",route="none"} 1`,
		`registry_http_request_duration_seconds_count{` + archive + " 2",
		"registry_http_requests_in_flight 1",
		"registry_feed_head 1",
		"go_goroutines", "process_open_fds", "registry_build_info",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, "made") || strings.Contains(text, "MADEUP") {
		t.Error("a client chose a label")
	}
	for name, want := range map[string]int{"registry_upload_bytes_total": len(data), "registry_download_bytes_total": len(data)} {
		got, err := metricValue(h.api.cfg.Metrics, name)
		// The problem of the second download counts too.
		if err != nil || int(got) < want || int(got) > want+1000 {
			t.Errorf("%s is %v, want %d (%v)", name, got, want, err)
		}
	}
}

func metricValue(r *prometheus.Registry, name string) (float64, error) {
	families, err := r.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue(), nil
		}
	}
	return 0, io.EOF
}

// TestMetricsRegistryMayBeUsedAlready: whoever made it may have put the Go collector in.
func TestMetricsRegistryMayBeUsedAlready(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector())
	s := bare(t, func(c *Config) { c.Metrics = r })
	if _, err := newServer(s.cfg); err == nil {
		t.Error("two faces on one metrics registry were not refused")
	}
}

// TestLogHandler carries the request id into the records of lower rooms.
func TestLogHandler(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(LogHandler(slog.NewJSONHandler(&log, nil))).With("room", "core")
	s := bare(t, func(c *Config) { c.Log = logger })
	s.observe(s.prefixed(s.router)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/health", nil))
	ctx := context.WithValue(context.Background(), callKey{}, &call{id: "abc"})
	logger.InfoContext(ctx, "audit")
	logger.Info("outside")
	if !strings.Contains(log.String(), `"msg":"audit","room":"core","requestId":"abc"}`) || strings.Contains(log.String(), `"msg":"outside","room":"core","requestId"`) {
		t.Errorf("%s", log.String())
	}
	if RequestID(ctx) != "abc" || RequestID(context.Background()) != "" {
		t.Error("RequestID")
	}
}

func TestConfiguration(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"anonymous": func(c *Config) { c.Anonymous = "all" },
		"prefix":    func(c *Config) { c.Prefix = "packs" },
		"prefix/":   func(c *Config) { c.Prefix = "/packs/" },
		"auth":      func(c *Config) { c.Auth = nil },
		"registry":  func(c *Config) { c.Registry = nil },
	} {
		cfg := bare(t, nil).cfg
		cfg.Metrics = nil
		change(&cfg)
		if h, err := New(cfg); err == nil || h != nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
}
