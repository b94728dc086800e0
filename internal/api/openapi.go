package api

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openapiYAML []byte

// document is the OpenAPI document as it is served.
type document struct {
	json []byte
	etag string
}

// newDocument turns the YAML into JSON and fills in what only the running server knows.
func newDocument(version, prefix string) (*document, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openapiYAML, &doc); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if info, ok := doc["info"].(map[string]any); ok && version != "" {
		info["version"] = version
	}
	doc["servers"] = []any{map[string]any{"url": prefix + "/"}}
	if prefix != "" {
		doc["servers"] = []any{map[string]any{"url": prefix}}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	sum := sha256.Sum256(text)
	// Weak, for it may be gzipped on the way.
	return &document{json: text, etag: `W/"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}

func (s *server) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	spec, err := s.spec()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("ETag", spec.etag)
	h.Set("Cache-Control", "no-cache")
	if matchesWeak(r.Header.Get("If-None-Match"), spec.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json")
	w.Write(spec.json)
	return nil
}
