package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// observe is the outermost layer: it gives the request its id, its deadlines and
// the configured headers, and tells log and metrics how it went.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.cfg.Now()
		x := &exchange{Context: r.Context(), route: s.routeContexts.Get().(*chi.Context)}
		c, rec := &x.call, &x.writer
		rc := http.NewResponseController(w)
		rec.start(w, rc, connectionOf(x.Context), s.stall, s.buffers)
		x.body.start(rc, r, s.stall)
		c.id, c.address = requestID(r), clientAddress(r, s.cfg.TrustedProxies)
		x.route.Reset()
		x.route.Routes = s.router
		inner := r.WithContext(x)
		inner.Body = &x.body
		c.request, c.writer, c.body = inner, rec, &x.body
		rec.settle, rec.headers = c, &s.headers

		header := rec.Header()
		s.headers.before(header)
		header["X-Request-Id"] = []string{c.id}

		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		defer func() {
			abort := s.recovered(rec, inner, c, recover())
			if !abort {
				rec.begin(http.StatusOK) // of a handler that had nothing to say
			}
			c.body.finish()
			took := s.cfg.Now().Sub(start)
			s.metrics.observe(r.Method, c, rec, took)
			s.logRequest(x, r, c, rec, took)
			s.routeContexts.Put(x.route)
			if abort {
				// The only way to tell the client that what it got is not all.
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, inner)
	})
}

// recovered answers a panic with a 500, and reports whether the connection must
// be broken because part of another answer is already out.
func (s *server) recovered(w *writer, r *http.Request, c *call, cause any) (abort bool) {
	if cause == nil {
		return false
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		w.aborted = true
		return true
	}
	s.cfg.Log.ErrorContext(r.Context(), "panic", "panic", cause, "stack", string(debug.Stack()))
	if w.status != 0 {
		w.aborted = true
		return true
	}
	s.fail(w, r, errPanic)
	return false
}

var errPanic = errors.New("panic; the stack is in the log")

// logRequest writes one line. It holds no header, no query and no body: those may hold secrets.
func (s *server) logRequest(ctx context.Context, r *http.Request, c *call, w *writer, took time.Duration) {
	status := w.code()
	level := slog.LevelInfo
	switch {
	case status >= 500 || w.aborted:
		level = slog.LevelError
	case status < 400 && (c.route == "/health" || c.route == "/ready" || c.route == "/metrics"):
		level = slog.LevelDebug
	}
	if !s.cfg.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", short(r.URL.Path, 1024)),
		slog.String("route", c.route),
		slog.Int("status", status),
		slog.Int64("bytesIn", c.body.n),
		slog.Int64("bytesOut", w.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("address", c.address),
	}
	if c.user != "" {
		attrs = append(attrs, slog.String("user", c.user), slog.String("role", c.role.String()))
	}
	if agent := r.UserAgent(); agent != "" {
		attrs = append(attrs, slog.String("userAgent", short(agent, 200)))
	}
	if c.err != nil {
		attrs = append(attrs, slog.String("error", c.err.Error()))
	}
	if w.aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	s.cfg.Log.LogAttrs(ctx, level, "request", attrs...)
}

// short bounds what a stranger can write into the log.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
