package legacy

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// Bounds of a capture: whatever is sent, a line in the log stays a line.
const (
	maxBody  = 32 << 10 // bytes of a body that are looked at
	maxText  = 256      // bytes of one path, value or name that are logged
	maxNames = 64       // headers or query parameters that are logged
)

// Unknown captures a request that no route answers and refuses it. The caller has
// checked the credentials: only then is the body worth a look.
func (f *Face) Unknown(r *http.Request) error {
	f.Capture(r, true)
	return pack.Errorf(pack.KindNotFound, "legacy_route_unknown",
		"this server does not know %s at this path of the legacy protocol; the request's shape is in its log, which the administrator may report", clip(r.Method))
}

// Capture logs the shape of a request: method, path, query, the names of its headers and the values of
// harmless ones, and of the body, when it may be read, names and types. What could be a secret is left out.
func (f *Face) Capture(r *http.Request, readBody bool) {
	attrs := []slog.Attr{
		slog.String("method", clip(r.Method)),
		slog.String("path", clip(r.URL.Path)),
		slog.Any("query", queryShape(r.URL.RawQuery)),
		slog.Any("headers", headerShape(r.Header)),
		slog.Int64("contentLength", r.ContentLength),
	}
	if readBody {
		// A body that breaks off has told what it told; package api answers for it.
		data, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		attrs = append(attrs, slog.Int("bodyRead", len(data)), slog.String("bodyShape", bodyShape(data)))
		if err != nil {
			attrs = append(attrs, slog.String("bodyError", err.Error()))
		}
	}
	f.cfg.Log.LogAttrs(r.Context(), slog.LevelInfo, "unknown legacy request", attrs...)
}

// harmlessHeaders are logged with their values; of all others only the name.
func harmlessHeader(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
		"Docker-Distribution-Api-Version", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "Range", "Content-Range", "User-Agent":
		return true
	}
	return false
}

func headerShape(h http.Header) map[string]string {
	shape := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if len(shape) == maxNames {
			break
		}
		shape[clip(name)] = ""
		if harmlessHeader(name) {
			shape[clip(name)] = clip(strings.Join(h[name], ", "))
		}
	}
	return shape
}

// harmlessParameters are logged with their values, which are words of registries and not of people.
func harmlessParameter(name string) bool {
	switch strings.ToLower(name) {
	case "n", "last", "limit", "offset", "page", "sort", "type", "namespace", "digest", "tag", "version", "name", "layer",
		"from", "mount", "artifacttype", "cloudtype", "force", "skipdigestcheck", "format", "group", "ns":
		return true
	}
	return false
}

// queryShape gives each parameter the value it may show, else how long the value is.
func queryShape(raw string) map[string]string {
	// What cannot be parsed is left out; the rest teaches none the less.
	values, _ := url.ParseQuery(raw)
	shape := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(shape) == maxNames {
			break
		}
		var parts []string
		for _, v := range values[name][:min(len(values[name]), 4)] {
			if !harmlessParameter(name) {
				v = "(" + strconv.Itoa(len(v)) + " bytes)"
			}
			parts = append(parts, v)
		}
		shape[clip(name)] = clip(strings.Join(parts, ", "))
	}
	return shape
}

func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
