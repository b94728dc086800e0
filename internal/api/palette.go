package api

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"packregistry/internal/api/gen"
	"packregistry/internal/connect"
)

// GetPalette tells how all connections stand.
func (f *jsonFace) GetPalette(ctx context.Context, _ gen.GetPaletteRequestObject) (gen.GetPaletteResponseObject, error) {
	answer := gen.GetPalette200JSONResponse{Connections: []connect.Status{}}
	p := f.s.cfg.Palette
	if p == nil {
		return answer, nil
	}
	var err error
	if answer.Connections, err = p.Statuses(ctx); err != nil {
		return nil, err
	}
	if answer.Leader, err = p.Leader(ctx); err != nil {
		return nil, err
	}
	return answer, nil
}

// paletteMetrics are read from the catalogue at each scrape, so that all replicas tell the same.
type paletteMetrics struct {
	p                                             Palette
	log                                           *slog.Logger
	lagChanges, lagSeconds, good, shown, notShown *prometheus.Desc
}

func newPaletteMetrics(p Palette, log *slog.Logger) *paletteMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("registry_palette_"+name, help, []string{"entry"}, nil)
	}
	return &paletteMetrics{
		p: p, log: log,
		lagChanges: desc("lag_changes", "Changes that the last good sync of the entry did not see."),
		lagSeconds: desc("lag_seconds", "Age of the oldest change that the last good sync of the entry did not see."),
		good:       desc("last_good_sync_timestamp_seconds", "When a sync of the entry last ended well; 0 is never."),
		shown:      desc("versions_shown", "Versions that the entry shows."),
		notShown:   desc("versions_not_shown", "Versions that the entry does not show."),
	}
}

// Describe implements prometheus.Collector.
func (m *paletteMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.lagChanges, m.lagSeconds, m.good, m.shown, m.notShown} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *paletteMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), headTimeout)
	defer cancel()
	list, err := m.p.Statuses(ctx)
	if err != nil {
		m.log.Warn("metrics have nothing of Palette", "error", err)
		return
	}
	for _, st := range list {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, st.Name)
		}
		good := 0.0
		if !st.Sync.GoodAt.IsZero() {
			good = float64(st.Sync.GoodAt.UnixMilli()) / 1000
		}
		gauge(m.lagChanges, float64(st.LagChanges))
		gauge(m.lagSeconds, st.LagSeconds)
		gauge(m.good, good)
		gauge(m.shown, float64(st.Shown))
		gauge(m.notShown, float64(st.Unshown))
	}
}
