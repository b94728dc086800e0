package api

import (
	"expvar"
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"

	"packregistry/internal/auth"
	"packregistry/internal/pack"
)

// NewDebug makes the handler of the debug address: profiles below /debug/pprof/ and variables at /debug/vars.
// It is no part of the face that clients see: it has a listener of its own, and everything on it is an admin's
// alone, by the same authenticator and with the same answers. A profile shows what the server works on.
func NewDebug(cfg Config) (http.Handler, error) {
	cfg.OCI, cfg.Prefix, cfg.Metrics = nil, "", nil
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	s.router = r // instead of the face's
	r.NotFound(s.handle(func(http.ResponseWriter, *http.Request) error {
		return pack.Errorf(pack.KindNotFound, "route_not_found", "there is nothing at this path; see /debug/pprof/ and /debug/vars")
	}))
	r.MethodNotAllowed(s.handle(methodNotAllowed))
	r.Group(func(r chi.Router) {
		r.Use(s.adminsOnly)
		r.Get("/debug/vars", expvar.Handler().ServeHTTP)
		r.Get("/debug/pprof/cmdline", pprof.Cmdline)
		r.Get("/debug/pprof/profile", pprof.Profile)
		r.Get("/debug/pprof/trace", pprof.Trace)
		r.Get("/debug/pprof/symbol", pprof.Symbol)
		r.Post("/debug/pprof/symbol", pprof.Symbol)
		r.Get("/debug/pprof/*", pprof.Index)
	})
	return s.observe(r), nil
}

// adminsOnly lets an admin through, whatever the server shows to others.
func (s *server) adminsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		c.route = chi.RouteContext(r.Context()).RoutePattern()
		if err := s.admit(r, c, access{role: auth.Admin, anonymous: never}); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
