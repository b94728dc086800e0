package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"packregistry/internal/api/gen"
	"packregistry/internal/api/oci"
	"packregistry/internal/pack"
)

// statusOf is the one table from the kind of an error to its status (design section 5).
func statusOf(k pack.Kind) int {
	switch k {
	case pack.KindInvalid:
		return http.StatusBadRequest
	case pack.KindUnauthorized:
		return http.StatusUnauthorized
	case pack.KindForbidden:
		return http.StatusForbidden
	case pack.KindNotFound:
		return http.StatusNotFound
	case pack.KindConflict:
		return http.StatusConflict
	case pack.KindCursorGone:
		return http.StatusGone
	case pack.KindPrecondition:
		return http.StatusPreconditionFailed
	case pack.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case pack.KindUnsupported:
		return http.StatusUnsupportedMediaType
	case pack.KindBadPack:
		return http.StatusUnprocessableEntity
	case pack.KindBusy:
		return http.StatusTooManyRequests
	case pack.KindUnavailable:
		return http.StatusServiceUnavailable
	case pack.KindNoSpace:
		return http.StatusInsufficientStorage
	default:
		return http.StatusInternalServerError
	}
}

// The three refusals that only HTTP knows, and the client that went away.
type (
	methodError struct{}
	rangeError  struct{}
	slowError   struct{ err error }
)

func (*methodError) Error() string { return "method not allowed" }
func (*rangeError) Error() string  { return "range not satisfiable" }
func (*slowError) Error() string   { return "the body came too slowly" }
func (e *slowError) Unwrap() error { return e.err }

// statusClientGone is what the log says when nobody is left to read the answer.
const statusClientGone = 499

var (
	errNoRow   = errors.New("no row in the access table")
	errBadLink = errors.New("the store's address of the content cannot be read")
)

// defaultRetryAfter is told when a part that is busy or down does not say.
const defaultRetryAfter = 2 * time.Second

// problemOf turns any error into what a client may see.
func problemOf(ctx context.Context, err error) (p gen.Problem, retry time.Duration) {
	var (
		known  *pack.Error
		method *methodError
		rng    *rangeError
		slow   *slowError
	)
	switch {
	// net/http cancels the context when a read deadline passes, so slowness comes first.
	case errors.As(err, &slow):
		p.Status, p.Code, p.Detail = http.StatusRequestTimeout, "too_slow", "the body came too slowly; send it again"
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		p.Status, p.Code, p.Detail = statusClientGone, "client_gone", "the client went away"
	case errors.As(err, &method):
		p.Status, p.Code, p.Detail = http.StatusMethodNotAllowed, "method_not_allowed", "this path does not answer this method; Allow says which it does"
	case errors.As(err, &rng):
		p.Status, p.Code, p.Detail = http.StatusRequestedRangeNotSatisfiable, "range_not_satisfiable", "no byte of the range is there; Content-Range says how many there are"
	case errors.As(err, &known):
		p.Status, p.Code, p.Detail = statusOf(known.Kind), known.Code, known.Message
		p.Findings, p.Limit, retry = known.Findings, known.Limit, known.RetryAfter
		if p.Code == "" {
			p.Code = string(known.Kind)
		}
		if p.Code == "version_exists" && !strings.Contains(p.Detail, "force") {
			p.Detail = strings.TrimPrefix(p.Detail+"; publish a new version, or replace it with force=true and a message that says why", "; ")
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.Canceled):
		p.Status, p.Code, p.Detail = http.StatusServiceUnavailable, string(pack.KindUnavailable), "the answer took too long; try again"
	default:
		p.Status, p.Code = http.StatusInternalServerError, string(pack.KindInternal)
	}
	if p.Status == http.StatusInternalServerError && p.Detail == "" {
		p.Detail = "the server failed; its administrator finds the request id in the log"
	}
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	if p.Title == "" {
		p.Title = "Client Closed Request"
	}
	if retry <= 0 && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable) {
		retry = defaultRetryAfter
	}
	return p, retry
}

// fail answers with the problem that err is. The log gets the cause, the client does not.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	c.err = err
	if c.body != nil && c.body.fault != nil && !errors.Is(err, c.body.fault) {
		// A lower room may have wrapped what really happened: the body failed.
		err = c.body.fault
	}
	p, retry := problemOf(r.Context(), err)
	p.RequestId = c.id
	mediaType := "application/problem+json"
	text, jsonErr := json.Marshal(p)
	if c.oci {
		mediaType = "application/json"
		p.Status, text, jsonErr = oci.Error(oci.Failure{Code: p.Code, Status: p.Status, Message: p.Detail, Findings: p.Findings, Limit: p.Limit})
	}
	if jsonErr != nil {
		c.err = errors.Join(err, jsonErr)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Cache-Control", "Etag", "Link", "Repr-Digest", "Accept-Ranges"} {
		h.Del(name)
	}
	h.Set("Content-Type", mediaType)
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(s.cfg.Realm))
	}
	if retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(retry.Seconds()))))
	}
	linger := c.body != nil && c.body.unread(r)
	if linger {
		c.body.keepReadable(w)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(append(text, '\n'))
	}
	if linger {
		c.body.linger(w)
	}
}

// challenge is the Basic challenge of RFC 7617.
func challenge(realm string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "").Replace(realm)
	return `Basic realm="` + quoted + `", charset="UTF-8"`
}
