package api

import (
	"net/http"

	"packregistry/internal/api/legacy"
	"packregistry/internal/auth"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// legacyFace makes the /v1 face of what this package lends it.
func (s *server) legacyFace() *legacy.Face {
	return legacy.New(legacy.Config{
		Registry: s.cfg.Registry, Param: pathParam, Log: s.cfg.Log,
		ServeFile: func(w http.ResponseWriter, r *http.Request, content *registry.Content, wanted string, immutable bool) error {
			return s.serveFile(w, r, content, wanted, immutable)
		},
	})
}

// capturing lets the legacy face look at what no route answers, before otherwise refuses it. A client
// without credentials is challenged first, as on a route: with them it shows what it really wants, and
// nobody else's body is read.
func (s *server) capturing(face *legacy.Face, otherwise func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		refusal := otherwise(w, r)
		if !legacy.Owns(r.URL.Path) {
			return refusal
		}
		if err := s.admit(r, callOf(r.Context()), access{role: auth.Reader, anonymous: onPull}); err != nil {
			face.Capture(r, false)
			return err
		}
		if unknown := face.Unknown(r); pack.IsKind(refusal, pack.KindNotFound) {
			return unknown
		}
		return refusal
	})
}
