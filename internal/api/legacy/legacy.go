// Package legacy is the /v1 face: the routes of the legacy pack registry that are
// publicly known (palette-contract 1.7), reads shaped like the registry family it comes
// from, marked experimental, and the capture of everything else, so that what clients
// really ask can be learnt.
//
// Its handlers return errors; package api, which routes and authorises, answers with them.
package legacy

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// Config is what the face needs. Everything is required.
type Config struct {
	Registry *registry.Registry
	// ServeFile sends one file of a pack: wanted is the image type asked for, immutable
	// tells that the address names the bytes.
	ServeFile func(w http.ResponseWriter, r *http.Request, content *registry.Content, wanted string, immutable bool) error
	// Param is a path parameter of the route, decoded.
	Param func(r *http.Request, name string) (string, error)
	Log   *slog.Logger
}

// Face has the handlers. Safe for concurrent use.
type Face struct{ cfg Config }

// New makes a Face.
func New(cfg Config) *Face { return &Face{cfg: cfg} }

// Owns reports whether a path, without the server's prefix, is one of this face.
func Owns(path string) bool { return path == "/v1" || strings.HasPrefix(path, "/v1/") }

// Root tells whether the credentials hold (palette-contract 1.6).
func (f *Face) Root(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, "application/json", struct{}{})
}

// Catalog lists names; the shape is that of the registry family the legacy server comes from.
func (f *Face) Catalog(w http.ResponseWriter, r *http.Request) error {
	names, err := f.cfg.Registry.Names(r.Context(), namespaceOf(r))
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	return answer(w, "application/json", map[string][]string{"repositories": names})
}

// Blob serves one file by the sha256 of its bytes: the pictures that packs' logo
// URLs name (palette-contract 1.7).
func (f *Face) Blob(w http.ResponseWriter, r *http.Request) error {
	name, err := f.cfg.Param(r, "name")
	if err != nil {
		return err
	}
	text, err := f.cfg.Param(r, "digest")
	if err != nil {
		return err
	}
	digest, err := pack.ParseDigest(text)
	if err != nil {
		return err
	}
	content, err := f.cfg.Registry.FileBySHA256(r.Context(), namespaceOf(r), name, digest.Hex())
	if err != nil {
		return err
	}
	return f.cfg.ServeFile(w, r, content, r.URL.Query().Get("type"), true)
}

// namespaceOf is the namespace a request asks for. The core checks its form.
func namespaceOf(r *http.Request) string {
	if ns := r.URL.Query().Get("namespace"); ns != "" {
		return ns
	}
	return pack.DefaultNamespace
}

// answer encodes before the header goes out, so that an error can still be answered.
func answer(w http.ResponseWriter, mediaType string, v any) error {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusOK)
	w.Write(buf.Bytes())
	return nil
}
