package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"packregistry/internal/api/gen"
	"packregistry/internal/api/legacy"
	"packregistry/internal/pack"
)

// handler wraps the router in what every request passes.
func (s *server) handler() http.Handler {
	return s.observe(s.prefixed(s.compressed(s.withOCI(s.router))))
}

// newRouter has all routes, without the prefix.
func (s *server) newRouter() chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	old := s.legacyFace()
	r.NotFound(s.capturing(old, routeNotFound))
	r.MethodNotAllowed(s.capturing(old, methodNotAllowed))
	r.Group(func(r chi.Router) {
		// In a group middleware runs after routing, so the route's pattern is known.
		r.Use(s.authorise, s.checkQuery, s.kept)
		s.routes(r)
		s.legacyRoutes(r, old)
	})
	return r
}

func (s *server) routes(r chi.Router) {
	strict := gen.NewStrictHandlerWithOptions(&jsonFace{s}, nil, gen.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, badBody(err)) },
		ResponseErrorHandlerFunc: s.fail,
	})
	gen.HandlerWithOptions(strict, gen.ChiServerOptions{
		BaseRouter:       r,
		Middlewares:      []gen.MiddlewareFunc{s.wholeJSON},
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, badParameter(err)) },
	})

	r.Get("/api/v1/openapi.json", s.handle(s.getOpenAPI))
	r.Post("/api/v1/packs", s.handle(s.uploadPack))
	r.Put("/api/v1/packs/{name}/versions/{ref}", s.handle(s.putVersion))
	r.Post("/api/v1/validate", s.handle(s.validatePack))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Method(method, "/api/v1/packs/{name}/versions/{ref}/archive", s.handle(s.getArchive))
		r.Method(method, "/api/v1/packs/{name}/versions/{ref}/files/*", s.handle(s.getFile))
	}
	r.Get("/api/v1/sync/catalog", s.handle(s.getCatalog))
	r.Get("/api/v1/sync/events", s.handle(s.streamEvents))

	r.Get("/health", s.handle(s.getHealth))
	r.Get("/ready", s.handle(s.getReady))
	r.Get("/metrics", s.handle(s.getMetrics))
}

// legacyRoutes are those of /v1.
func (s *server) legacyRoutes(r chi.Router, face *legacy.Face) {
	r.Get("/v1", s.handle(face.Root))
	r.Get("/v1/", s.handle(face.Root))
	r.Get("/v1/_catalog", s.handle(face.Catalog))
	r.Get("/v1/{name}/tags/list", s.handle(face.Tags))
	r.Get("/v1/{name}/manifests/{ref}", s.handle(face.Manifest))
	r.Get("/v1/{name}/blobs/{digest}", s.handle(face.Blob))
	r.Head("/v1/{name}/blobs/{digest}", s.handle(face.Blob))
}

// handle turns a handler that returns an error into one of net/http. A handler
// that returns an error has written nothing.
func (s *server) handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

func routeNotFound(http.ResponseWriter, *http.Request) error {
	return pack.Errorf(pack.KindNotFound, "route_not_found", "there is nothing at this path; /api/v1/openapi.json lists what there is")
}

// methodNotAllowed says in Allow what the path does answer (RFC 9110 15.5.6). Chi asks it about every method that it does not
// know, also where there is nothing at all.
func methodNotAllowed(w http.ResponseWriter, r *http.Request) error {
	rctx := chi.RouteContext(r.Context())
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if rctx.Routes.Match(chi.NewRouteContext(), m, routePath(r)) {
			allowed = append(allowed, m)
		}
	}
	if slices.Contains(allowed, http.MethodGet) && !slices.Contains(allowed, http.MethodHead) {
		allowed = append(allowed, http.MethodHead)
	}
	if len(allowed) == 0 {
		return routeNotFound(w, r)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &methodError{}
}

// checkQuery refuses a query that net/url would quietly drop a part of.
func (s *server) checkQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			next.ServeHTTP(w, r)
			return
		}
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			s.fail(w, r, pack.Errorf(pack.KindInvalid, "query_invalid", "the query string is not well-formed; percent-encode special characters"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// prefixed takes the configured prefix off the path; what is not under it is not there.
func (s *server) prefixed(next http.Handler) http.Handler {
	if s.cfg.Prefix == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, s.cfg.Prefix)
		raw, rawOK := strings.CutPrefix(r.URL.RawPath, s.cfg.Prefix)
		if !ok || !strings.HasPrefix(path, "/") || (r.URL.RawPath != "" && !rawOK) {
			s.fail(w, r, pack.Errorf(pack.KindNotFound, "route_not_found", "there is nothing at this path; this server answers under %s/", s.cfg.Prefix))
			return
		}
		u := *r.URL
		u.Path, u.RawPath = path, raw
		inner := *r
		inner.URL = &u
		next.ServeHTTP(w, &inner)
	})
}

func routePath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// pathParam is a path parameter, decoded. Chi routes on the raw path when there is one.
func pathParam(r *http.Request, name string) (string, error) {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value, nil
	}
	value, err := url.PathUnescape(value)
	if err != nil {
		return "", pack.Errorf(pack.KindInvalid, "path_invalid", "the path is not well-formed")
	}
	return value, nil
}
