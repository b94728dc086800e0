package palettetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// refusal is an error as Palette answers it (swagger v1Error).
type refusal struct {
	status     int
	code       string
	message    string
	retryAfter int // seconds
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

func invalid(format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, code: "InvalidRequest", message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &refusal{status: http.StatusNotFound, code: "ResourceNotFound", message: fmt.Sprintf(format, args...)}
}

func (p *Palette) fail(w http.ResponseWriter, err error) {
	var e *refusal
	if !errors.As(err, &e) {
		e = &refusal{status: http.StatusInternalServerError, code: "InternalError", message: err.Error()}
	}
	p.mu.Lock()
	p.counter++
	ref := fmt.Sprintf("ref-%06d", p.counter)
	p.mu.Unlock()
	p.o.Log.Info("refused", "status", e.status, "code", e.code, "message", e.message)
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	_ = answer(w, e.status, map[string]any{"code": e.code, "message": e.message, "ref": ref, "details": nil})
}

func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

// decode reads a body that must be one JSON value with known fields only.
func decode(r *http.Request, v any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &refusal{status: http.StatusUnsupportedMediaType, code: "UnsupportedMediaType", message: "unsupported media type, only application/json is allowed"}
	}
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return invalid("parsing body: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("parsing body: more than one value")
	}
	return nil
}

// query refuses parameters that are not in the swagger.
func query(r *http.Request, known ...string) error {
	allowed := map[string]bool{}
	for _, k := range known {
		allowed[k] = true
	}
	for k, v := range r.URL.Query() {
		if !allowed[k] || len(v) != 1 {
			return invalid("query parameter %s is unknown or doubled", k)
		}
	}
	return nil
}

// flag reads a boolean parameter; "" is false.
func flag(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalid("%s in query must be of type boolean: %q", name, text)
	}
	return b, nil
}
