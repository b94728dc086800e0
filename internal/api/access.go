package api

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"packregistry/internal/auth"
	"packregistry/internal/pack"
)

// anonymity says when a route answers without credentials.
type anonymity int

const (
	never  anonymity = iota
	onPull           // when anonymous is "pull"
	onLogo           // when anonymous is "pull", or "logos" and what is asked for is a logo
	open             // always: credentials are not even looked at
)

// access is a row of the table of who may.
type access struct {
	method, pattern string // pattern as the router has it, without the prefix
	role            auth.Role
	anonymous       anonymity
}

// accessTable says for every route which role it needs. A route without a row
// answers nobody, and fails a test. HEAD without a row goes by GET.
func accessTable() []access {
	return []access{
		{"GET", "/api/v1/openapi.json", auth.None, open},
		{"GET", "/api/v1/packs", auth.Reader, onPull},
		{"POST", "/api/v1/packs", auth.Publisher, never},
		{"GET", "/api/v1/packs/{name}", auth.Reader, onPull},
		{"DELETE", "/api/v1/packs/{name}", auth.Publisher, never},
		{"GET", "/api/v1/packs/{name}/versions/{ref}", auth.Reader, onPull},
		{"PUT", "/api/v1/packs/{name}/versions/{ref}", auth.Publisher, never},
		{"DELETE", "/api/v1/packs/{name}/versions/{ref}", auth.Publisher, never},
		{"GET", "/api/v1/packs/{name}/versions/{ref}/archive", auth.Reader, onPull},
		{"GET", "/api/v1/packs/{name}/versions/{ref}/files", auth.Reader, onPull},
		{"GET", "/api/v1/packs/{name}/versions/{ref}/files/*", auth.Reader, onLogo},
		{"GET", "/api/v1/packs/{name}/tags", auth.Reader, onPull},
		{"PUT", "/api/v1/packs/{name}/tags/{tag}", auth.Publisher, never},
		{"DELETE", "/api/v1/packs/{name}/tags/{tag}", auth.Publisher, never},
		// Checking costs as much as publishing, but changes nothing.
		{"POST", "/api/v1/validate", auth.Reader, never},
		{"GET", "/api/v1/sync/catalog", auth.Reader, onPull},
		{"GET", "/api/v1/sync/changes", auth.Reader, onPull},
		{"GET", "/api/v1/sync/events", auth.Reader, onPull},
		{"GET", "/api/v1/sync/consumers", auth.Reader, never}, // who is no admin sees its own
		{"GET", "/api/v1/palette", auth.Reader, never},
		{"GET", "/health", auth.None, open},
		{"GET", "/ready", auth.None, open},
		{"GET", "/metrics", auth.Reader, never},
		// Asking for credentials here is how clients learn to send them elsewhere, so it is never open.
		{"GET", "/v2/", auth.Reader, never},
		{"GET", "/v2/_catalog", auth.Reader, onPull},
		{"GET", "/v2/{repo}/tags/list", auth.Reader, onPull},
		{"GET", "/v2/{repo}/referrers/{digest}", auth.Reader, onPull},
		{"GET", "/v2/{repo}/manifests/{reference}", auth.Reader, onPull},
		{"PUT", "/v2/{repo}/manifests/{reference}", auth.Publisher, never},
		{"DELETE", "/v2/{repo}/manifests/{reference}", auth.Publisher, never},
		{"GET", "/v2/{repo}/blobs/{digest}", auth.Reader, onPull}, // also the source of a mount
		{"DELETE", "/v2/{repo}/blobs/{digest}", auth.Publisher, never},
		{"POST", "/v2/{repo}/blobs/uploads/", auth.Publisher, never},
		{"GET", "/v2/{repo}/blobs/uploads/{id}", auth.Publisher, never},
		{"PATCH", "/v2/{repo}/blobs/uploads/{id}", auth.Publisher, never},
		{"PUT", "/v2/{repo}/blobs/uploads/{id}", auth.Publisher, never},
		{"DELETE", "/v2/{repo}/blobs/uploads/{id}", auth.Publisher, never},
		{"GET", "/v1/", auth.Reader, onPull},
		{"GET", "/v1/_catalog", auth.Reader, onPull},
		{"GET", "/v1/{name}/tags/list", auth.Reader, onPull},
		{"GET", "/v1/{name}/manifests/{ref}", auth.Reader, onPull},
		{"GET", "/v1/{name}/blobs/{digest}", auth.Reader, onLogo},
	}
}

// accessKey is how rows are looked up.
type accessKey struct{ method, pattern string }

// keyOf makes the key. Chi's RoutePattern has no final slash.
func keyOf(method, pattern string) accessKey {
	return accessKey{method, strings.TrimSuffix(pattern, "/")}
}

func accessRules() map[accessKey]access {
	rules := map[accessKey]access{}
	for _, row := range accessTable() {
		rules[keyOf(row.method, row.pattern)] = row
	}
	return rules
}

// authorise lets a request through when its row says so. It runs before any byte
// of the body is asked for.
func (s *server) authorise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.permit(r, chi.RouteContext(r.Context()).RoutePattern()); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// permit asks the table whether a request may come in by a route.
func (s *server) permit(r *http.Request, pattern string) error {
	c := callOf(r.Context())
	c.route = pattern
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	row, ok := s.rules[keyOf(method, pattern)]
	if !ok {
		return pack.Wrap(pack.KindInternal, errNoRow, "the server does not know who may do this")
	}
	if row.anonymous == open {
		return nil
	}
	return s.admit(r, c, row)
}

// admit checks credentials and role. Credentials that do not hold are refused
// even where none are needed: whoever sends them wants to know.
func (s *server) admit(r *http.Request, c *call, row access) error {
	user, password, ok := r.BasicAuth()
	// Some clients of /v2 send an empty pair when they have none.
	if r.Header.Get("Authorization") == "" || (ok && user == "" && password == "") {
		if !s.allowsAnonymous(row.anonymous) {
			return pack.Errorf(pack.KindUnauthorized, "credentials_required", "this needs a user name and a password")
		}
		c.onlyLogos = s.cfg.Anonymous == AnonymousLogos
		return nil
	}
	if !ok {
		return pack.Errorf(pack.KindUnauthorized, "credentials_invalid", "the Authorization header is not a Basic one")
	}
	identity, err := s.cfg.Auth.Authenticate(r.Context(), user, password, c.address)
	if err != nil {
		return err
	}
	c.user, c.role = identity.Name, identity.Role
	if identity.Role < row.role {
		return pack.Errorf(pack.KindForbidden, "role_too_low", "the account %s is a %s; this needs a %s", identity.Name, identity.Role, row.role)
	}
	return nil
}

func (s *server) allowsAnonymous(a anonymity) bool {
	switch s.cfg.Anonymous {
	case AnonymousPull:
		return a == onPull || a == onLogo
	case AnonymousLogos:
		return a == onLogo
	}
	return false
}
