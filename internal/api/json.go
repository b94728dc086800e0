package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// writeJSON answers with v. It encodes before the header goes out, so that an
// error can still be answered.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(buf.Bytes())
	return nil
}

// wholeJSON makes sure that a body is one JSON value and nothing after it: the
// generated code stops reading where the first value ends.
func (s *server) wholeJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			next.ServeHTTP(w, r)
			return
		}
		text, err := io.ReadAll(r.Body) // bounded: see smallBody
		if err == nil && !json.Valid(text) {
			err = errNotJSON
		}
		if err != nil {
			s.fail(w, r, badBody(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		next.ServeHTTP(w, r)
	})
}

var errNotJSON = errors.New("not one JSON value")

// matchesWeak compares If-None-Match with an entity tag, weakly (RFC 9110 8.8.3.2).
func matchesWeak(header, etag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	want := strings.TrimPrefix(etag, "W/")
	for tag := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == want {
			return true
		}
	}
	return false
}
