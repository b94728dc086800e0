package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"packregistry/internal/storage/cache"
)

// cacheMetrics shows what the copies of stored blobs are good for.
func cacheMetrics(c *cache.Store) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "registry_copies_hits_total", Help: "Blobs read whole from a copy on this machine's disk."},
			func() float64 { hits, _, _ := c.Stats(); return float64(hits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "registry_copies_misses_total", Help: "Blobs read whole from S3."},
			func() float64 { _, misses, _ := c.Stats(); return float64(misses) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "registry_copies_bytes", Help: "Disk space of the copies."},
			func() float64 { _, _, bytes := c.Stats(); return float64(bytes) }),
	}
}
