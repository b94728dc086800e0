package doctor

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSabotage puts something between that does what proxies do.
func TestSabotage(t *testing.T) {
	face := newFace(t, nil)
	on := func(prefix string, do http.HandlerFunc) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, prefix) && (prefix != "/v1/" || r.URL.Path == prefix) {
				do(w, r)
				return
			}
			face.ServeHTTP(w, r)
		})
	}
	answer := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	up := `{"status":"UP"}`
	for _, tt := range []struct {
		name    string
		handler http.Handler
		check   string
		status  Status
		part    string
	}{
		{"redirect", on("/health", answer(301, "", "Location", "https://elsewhere.example/")), "health", Failed, "to https://elsewhere.example/"},
		{"a page", on("/health", answer(200, "<html>")), "health", Failed, "something else"},
		{"gateway", on("/health", answer(502, "")), "health", Failed, "proxy"},
		{"clock ahead", on("/health", answer(200, up, "Date", at(2*time.Minute))), "clock", Warning, "time server"},
		{"clock behind", on("/health", answer(200, up, "Date", at(-time.Hour))), "clock", Failed, "time server"},
		{"bearer", on("/v1/", answer(401, "", "WWW-Authenticate", "Bearer realm=x")), "challenge /v1", Failed, "not Basic"},
		{"v1 is not passed on", on("/v1/", answer(404, "")), "challenge /v1", Failed, "proxy"},
		{"locked out", on("/v1/", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				face.ServeHTTP(w, r)
				return
			}
			answer(429, `{"detail":"wait a minute"}`)(w, r)
		}), "login", Failed, "wait a minute"},
		{"catalogue is a page", on("/v1/_catalog", answer(200, "<html>")), "legacy catalogue", Failed, "not the JSON"},
		{"changed bytes", on("/api/v1/packs/alpha/versions/1.0.0/archive", answer(200, "other")), "REST pack", Failed, "digest is not"},
		{"cut bytes", on("/api/v1/packs/alpha/versions/1.0.0/archive", answer(200, "o", "Content-Length", "100")), "REST pack", Failed, "breaks off"},
		{"lost blob", on("/v1/alpha/blobs/", answer(500, "")), "legacy logo", Failed, "registry admin verify"},
		{"control characters", on("/api/v1/packs", answer(500, `{"detail":"\u001b[2J"}`)), "REST search", Failed, " [2J"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, tt.handler, time.Now(), "127.0.0.1")
			r := examine(t, h.options())
			r.want(t, tt.check, tt.status, tt.part)
			if strings.Contains(r.Text(), "\x1b") {
				t.Error("what the server says controls the terminal")
			}
		})
	}
}
