package api

import (
	"net/http"

	"packregistry/internal/registry"
)

// getHealth says that the process is alive, in the legacy server's words
// (palette-contract 1.7), and nothing about its parts.
func (s *server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"status": "UP"})
}

// getReady says whether requests should be sent here.
func (s *server) getReady(w http.ResponseWriter, r *http.Request) error {
	parts := s.cfg.Registry.Ready(r.Context())
	server := registry.PartState{Name: "server", OK: true}
	if s.cfg.Draining() {
		server.OK, server.Detail = false, "shutting down"
	}
	parts = append(parts, server)
	ready := true
	for _, p := range parts {
		ready = ready && p.OK
	}
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, map[string]any{"ready": ready, "parts": parts})
}

// getMetrics is what Prometheus scrapes.
func (s *server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	s.metrics.promHTTP.ServeHTTP(w, r)
	return nil
}
