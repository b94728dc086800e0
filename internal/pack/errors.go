package pack

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure an error is. Faces map kinds, and nothing
// else, to status codes.
type Kind string

// The kinds. The comment names the HTTP status the REST face gives them.
const (
	KindInvalid      Kind = "invalid"             // 400: the request makes no sense
	KindUnauthorized Kind = "unauthorized"        // 401: who is calling is not known
	KindForbidden    Kind = "forbidden"           // 403: the caller may not
	KindNotFound     Kind = "not_found"           // 404
	KindConflict     Kind = "conflict"            // 409: the state of the catalogue forbids it
	KindCursorGone   Kind = "cursor_gone"         // 410: the cursor is not of this feed
	KindPrecondition Kind = "precondition_failed" // 412: If-Match or If-None-Match does not hold
	KindTooLarge     Kind = "too_large"           // 413: over Limit
	KindUnsupported  Kind = "unsupported"         // 415: not a zip or tar.gz
	KindBadPack      Kind = "bad_pack"            // 422: Findings say what is wrong
	KindBusy         Kind = "busy"                // 429: too much at once, see RetryAfter
	KindUnavailable  Kind = "unavailable"         // 503: a part is down, see RetryAfter
	KindNoSpace      Kind = "no_space"            // 507: the store is full
	KindCorrupt      Kind = "corrupt"             // 500: stored bytes do not hash to their name
	KindInternal     Kind = "internal"            // 500: anything else
)

// Error is the error every room returns across its border.
type Error struct {
	// Kind decides the status.
	Kind Kind
	// Code is a stable machine-readable word, finer than Kind ("version_exists").
	// Empty means string(Kind).
	Code string
	// Message is for the person who made the request: it says what is wrong and
	// what to do, and never holds internal text, paths or secrets.
	Message string
	// Findings is set for KindBadPack.
	Findings []Finding
	// Limit is set for KindTooLarge, in bytes.
	Limit int64
	// RetryAfter is set for KindBusy and KindUnavailable.
	RetryAfter time.Duration
	// Err is the cause. It is logged and never sent to a client.
	Err error
}

// Error returns the message with its cause, for logs.
func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = string(e.Kind)
	}
	if e.Err != nil {
		return msg + ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of the given kind and code. The text is shown to users.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error with a cause that is logged but not shown.
func Wrap(kind Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: err}
}

// KindOf returns the kind of err: KindInternal for an error that is not an
// *Error, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// IsKind reports whether err is of the kind.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }
