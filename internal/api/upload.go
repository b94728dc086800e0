package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// multipartRoom is what a multipart body may be larger than the archive in it.
const multipartRoom = 1 << 20

// uploadPack publishes what the body holds.
func (s *server) uploadPack(w http.ResponseWriter, r *http.Request) error {
	return s.publish(w, r, "", "")
}

// putVersion publishes at known coordinates.
func (s *server) putVersion(w http.ResponseWriter, r *http.Request) error {
	name, err := pathParam(r, "name")
	if err != nil {
		return err
	}
	version, err := pathParam(r, "ref")
	if err != nil {
		return err
	}
	if err := errors.Join(pack.ValidateName(name), pack.ValidateVersion(version)); err != nil {
		return err
	}
	return s.publish(w, r, name, version)
}

// publish refuses all that can be refused without the body before the first byte
// of it is read: reading is what sends 100 Continue.
func (s *server) publish(w http.ResponseWriter, r *http.Request, name, version string) error {
	u, err := uploadOf(r)
	if err != nil {
		return err
	}
	u.Name, u.Version, u.By = name, version, callOf(r.Context()).user
	done, err := s.takeIn(r)
	if err != nil {
		return err
	}
	defer done()
	body, err := archiveBody(r, func(field, value string) error { return setField(&u, field, value) })
	if err != nil {
		return err
	}
	u.Body = body
	published, err := s.cfg.Registry.Publish(r.Context(), u)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if published.Outcome == db.Same {
		status = http.StatusOK
	}
	w.Header().Set("Location", s.versionPath(published.Version))
	return writeJSON(w, status, published.Version)
}

// validatePack checks what the body holds.
func (s *server) validatePack(w http.ResponseWriter, r *http.Request) error {
	select {
	case s.checks <- struct{}{}:
		defer func() { <-s.checks }()
	default:
		return tooManyUploads("the server is checking as many archives as it may; try again in a moment")
	}
	done, err := s.takeIn(r)
	if err != nil {
		return err
	}
	defer done()
	body, err := archiveBody(r, func(string, string) error { return nil })
	if err != nil {
		return err
	}
	v, err := s.cfg.Registry.Validate(r.Context(), body)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// takeIn makes room for an archive: one of the uploads in flight, and a body of its size.
func (s *server) takeIn(r *http.Request) (done func(), err error) {
	limit := s.cfg.ArchiveLimit
	if isMultipart(r) {
		limit += multipartRoom
	}
	if r.ContentLength > limit {
		return nil, archiveTooLarge(s.cfg.ArchiveLimit)
	}
	// The core counts the archive itself; this bounds what is around it.
	return s.takeSlot(r, s.cfg.ArchiveLimit+multipartRoom)
}

// takeSlot makes a request one of the uploads in flight, with a body of at most limit bytes.
func (s *server) takeSlot(r *http.Request, limit int64) (done func(), err error) {
	select {
	case s.uploads <- struct{}{}:
	default:
		return nil, tooManyUploads("the server is taking in as many uploads as it may; try again in a moment")
	}
	s.metrics.uploads.Inc()
	c := callOf(r.Context())
	c.transfer = upload
	c.body.limit = limit
	return func() {
		<-s.uploads
		s.metrics.uploads.Dec()
	}, nil
}

func tooManyUploads(message string) error {
	return &pack.Error{Kind: pack.KindBusy, Code: "too_many_uploads", RetryAfter: defaultRetryAfter, Message: message}
}

func archiveTooLarge(limit int64) error {
	return &pack.Error{
		Kind: pack.KindTooLarge, Code: "archive_too_large", Limit: limit,
		Message: "the archive is larger than the " + strconv.FormatInt(limit, 10) + " bytes this server accepts",
	}
}

// uploadOf reads query and headers.
func uploadOf(r *http.Request) (registry.Upload, error) {
	u := registry.Upload{Namespace: namespaceOf(r)}
	if err := pack.ValidateNamespace(u.Namespace); err != nil {
		return u, err
	}
	q := r.URL.Query()
	for _, field := range []string{"force", "message"} {
		if !q.Has(field) {
			continue
		}
		if err := setField(&u, field, q.Get(field)); err != nil {
			return u, err
		}
	}
	if u.Force && strings.TrimSpace(u.Message) == "" && !isMultipart(r) {
		return u, pack.Errorf(pack.KindInvalid, "message_required", "force needs a message that says why the content changes; say it as message=... beside force=true")
	}
	var err error
	if u.IfMatch, err = ifMatch(r.Header.Get("If-Match")); err != nil {
		return u, err
	}
	switch strings.TrimSpace(r.Header.Get("If-None-Match")) {
	case "":
	case "*":
		u.IfNoneMatch = true
	default:
		return u, pack.Errorf(pack.KindInvalid, "if_none_match_invalid", "an upload understands If-None-Match only with *")
	}
	return u, nil
}

// setField sets what may come as a query parameter or as a form field.
func setField(u *registry.Upload, field, value string) error {
	switch field {
	case "message":
		u.Message = value
	case "force":
		force, err := strconv.ParseBool(value)
		if err != nil {
			return badValue("force", "true or false")
		}
		u.Force = force
	}
	return nil
}

// ifMatch reads the one digest that must be current; "" is none.
func ifMatch(header string) (pack.Digest, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return pack.Digest(header), nil
	}
	d, err := pack.ParseDigest(strings.Trim(header, `"`))
	if err != nil {
		return "", pack.Errorf(pack.KindInvalid, "if_match_invalid", `If-Match is * or one quoted digest, "sha256:..."`)
	}
	return d, nil
}

func isMultipart(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
}

// archiveBody is where the bytes of the archive come from. Content-Type decides
// only whether they are wrapped in a form.
func archiveBody(r *http.Request, field func(name, value string) error) (io.Reader, error) {
	if !isMultipart(r) {
		return r.Body, nil
	}
	return newFormFile(r, field)
}

// versionPath is the path of a version, prefix and namespace included.
func (s *server) versionPath(v *pack.Version) string {
	path := s.cfg.Prefix + "/api/v1/packs/" + url.PathEscape(v.Name) + "/versions/" + url.PathEscape(v.Version)
	if v.Namespace != pack.DefaultNamespace {
		path += "?namespace=" + url.QueryEscape(v.Namespace)
	}
	return path
}
