package api

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"strings"

	"packregistry/internal/api/oci"
	"packregistry/internal/pack"
)

// noLimit stands for "no limit", with room for sums.
const noLimit = math.MaxInt64 / 2

// withOCI answers what lies under /v2 and hands on the rest. The router cannot do it: a repository's name
// has any number of segments and stands in the middle of the path.
func (s *server) withOCI(next http.Handler) http.Handler {
	if s.oci == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := routePath(r); path != "/v2" && !strings.HasPrefix(path, "/v2/") {
			next.ServeHTTP(w, r)
			return
		}
		callOf(r.Context()).oci = true
		w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
		if err := s.serveOCI(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// serveOCI parses, authorises, limits and then answers. Who may not ask is told so before what is wrong with the question.
func (s *server) serveOCI(w http.ResponseWriter, r *http.Request) error {
	req, wrong := oci.Parse(oci.Text{
		Method: r.Method, Path: routePath(r), Query: r.URL.RawQuery, ContentRange: r.Header.Get("Content-Range"),
	})
	switch {
	case req.Pattern == "":
		return wrong
	case req.Op == 0:
		w.Header().Set("Allow", strings.Join(oci.Allowed(req.Pattern), ", "))
		return &methodError{}
	}
	if err := s.permit(r, req.Pattern); err != nil {
		return err
	}
	if wrong != nil {
		return wrong
	}
	if req.Op == oci.UploadStart && req.Mount != "" {
		if err := s.mayReadBlobs(r); err != nil {
			return err
		}
	}
	done, err := s.takeInOCI(r, req.Op)
	if err != nil {
		return err
	}
	defer done()
	return s.oci.Serve(w, r, req, callOf(r.Context()).user)
}

// mayReadBlobs holds the source of a mount against the row for reading a blob: roles reach over the whole server.
func (s *server) mayReadBlobs(r *http.Request) error {
	for _, route := range oci.Routes() {
		if route.Op == oci.BlobGet && callOf(r.Context()).role < s.rules[keyOf(route.Method, route.Pattern)].role {
			return pack.Errorf(pack.KindForbidden, "role_too_low", "the account may not read the repository to mount from")
		}
	}
	return nil
}

// takeInOCI makes room for a body where one is expected.
func (s *server) takeInOCI(r *http.Request, op oci.Op) (done func(), err error) {
	limit := cmp.Or(s.cfg.BlobLimit, int64(noLimit))
	switch op {
	case oci.ManifestPut:
		limit = oci.ManifestLimit
	case oci.UploadStart, oci.UploadAppend, oci.UploadFinish:
	default:
		return func() {}, nil
	}
	if r.ContentLength > limit {
		return nil, &pack.Error{
			Kind: pack.KindTooLarge, Code: "body_too_large", Limit: limit,
			Message: "the content is larger than the " + strconv.FormatInt(limit, 10) + " bytes this server accepts",
		}
	}
	if r.ContentLength == 0 {
		return func() {}, nil
	}
	return s.takeSlot(r, limit)
}
