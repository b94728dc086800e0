package api

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"packregistry/internal/auth"
)

// call is what the middleware and the handlers of one request share.
type call struct {
	id      string // request id
	address string // of the client, as the trusted proxies tell it
	route   string // pattern; "" when none matched
	oci     bool   // on /v2, where failures are told in the spec's words
	request *http.Request
	body    *body
	writer  *writer

	user      string // "" is anonymous
	role      auth.Role
	onlyLogos bool // anonymous, and only logos may be shown

	transfer transfer
	err      error // why the answer is a problem, for the log
}

// exchange is all that a request needs of its own, in one piece for there is one with every
// request. As a context it is the request's, with the call and what chi notes of the
// route: chi would else make both anew.
type exchange struct {
	context.Context
	call   call
	writer writer
	body   body
	route  *chi.Context
}

// Value is context.Context.
func (x *exchange) Value(key any) any {
	switch key {
	case callKey{}:
		return &x.call
	case chi.RouteCtxKey:
		return x.route
	}
	return x.Context.Value(key)
}

// transfer says which counter the bytes of a request go to.
type transfer int

const (
	noTransfer transfer = iota
	upload
	download
)

// answered reports whether the header is out, or will be with what is held back.
func (c *call) answered() bool { return c.writer != nil && c.writer.status != 0 }

type callKey struct{}

// callOf returns the call of a request that passed observe.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		return &call{}
	}
	return c
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return callOf(ctx).id }

// requestID takes over a sane id of the caller's, so that one id can follow a
// request through proxies, and makes one else.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 64 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return newID()
	}
	return id
}

// newID makes an id that no other request has. It opens nothing, so it need not come from the kernel.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var id [24]byte
	for half := range 2 {
		bits := rand.Uint64()
		for i := range 12 {
			id[12*half+i] = letters[bits>>(5*i)&31]
		}
	}
	return string(id[:])
}

// LogHandler adds requestId to every record made under a request's context, also
// by the rooms below this one.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("requestId", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
