package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// NetworkError says that a server could not be reached, broke off, or is no pack registry.
type NetworkError struct {
	Server string
	Reason string // for people
	Err    error  // nil when there is nothing below
	final  bool   // asking again is no use
}

func (e *NetworkError) Error() string { return e.Server + ": " + e.Reason }
func (e *NetworkError) Unwrap() error { return e.Err }

// problem is RFC 9457 as the REST face writes it.
type problem struct {
	Status    int            `json:"status"`
	Title     string         `json:"title"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	RequestID string         `json:"requestId"`
	Findings  []pack.Finding `json:"findings"`
	Limit     int64          `json:"limit"`
}

// kindOf is the REST face's table, read backwards.
func kindOf(status int) pack.Kind {
	switch status {
	case http.StatusUnauthorized:
		return pack.KindUnauthorized
	case http.StatusForbidden:
		return pack.KindForbidden
	case http.StatusNotFound:
		return pack.KindNotFound
	case http.StatusConflict:
		return pack.KindConflict
	case http.StatusGone:
		return pack.KindCursorGone
	case http.StatusPreconditionFailed:
		return pack.KindPrecondition
	case http.StatusRequestEntityTooLarge:
		return pack.KindTooLarge
	case http.StatusUnsupportedMediaType:
		return pack.KindUnsupported
	case http.StatusUnprocessableEntity:
		return pack.KindBadPack
	case http.StatusTooManyRequests:
		return pack.KindBusy
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return pack.KindUnavailable
	case http.StatusInsufficientStorage:
		return pack.KindNoSpace
	}
	if status >= 500 {
		return pack.KindInternal
	}
	return pack.KindInvalid
}

// refusal reads what the server refused with; the body is closed.
func (c *Client) refusal(resp *http.Response) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		text = nil // the status alone must do
	}
	var p problem
	if json.Unmarshal(text, &p) != nil || p.Code == "" {
		return c.unworded(resp)
	}
	e := &pack.Error{Kind: kindOf(resp.StatusCode), Code: p.Code, Message: p.Detail, Findings: p.Findings, Limit: p.Limit, RetryAfter: retryAfter(resp)}
	if e.Message == "" {
		e.Message = strings.ToLower(p.Title)
	}
	if e.Kind == pack.KindUnauthorized && c.o.Username == "" && c.o.LoginHint != "" {
		e.Message += "; " + c.o.LoginHint
	}
	if e.Kind == pack.KindInternal && p.RequestID != "" {
		e.Message += " (request " + p.RequestID + ")"
	}
	return e
}

// unworded is the error of an answer that our REST face did not write: a proxy's, or another server's.
func (c *Client) unworded(resp *http.Response) error {
	if resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" {
		return c.redirected(resp)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusRequestEntityTooLarge,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &pack.Error{
			Kind: kindOf(resp.StatusCode), Message: fmt.Sprintf("%s, or a proxy before it, answered %s", c.o.Server, resp.Status), RetryAfter: retryAfter(resp),
		}
	case http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return pack.Errorf(pack.KindInvalid, "request_too_long", "what is asked of %s is too long for it (%s); shorten the message or the words", c.o.Server, resp.Status)
	}
	return c.stranger("it answered " + resp.Status + " without saying why")
}

// redirected is the error of an answer that sends elsewhere: a password follows no redirect.
func (c *Client) redirected(resp *http.Response) error {
	to := resp.Header.Get("Location")
	if u, err := resp.Location(); err == nil {
		u.RawQuery = "" // it may be as good as a password
		if place, _, ours := strings.Cut(u.String(), "/api/v1/"); ours {
			to = place
		} else {
			to = strings.TrimSuffix(u.String(), "/health")
		}
	}
	return &NetworkError{Server: c.o.Server, Reason: fmt.Sprintf("it redirects to %s; if that is where the registry is, log in to it there", to), final: true}
}

// stranger is the error of a server that does not speak as a registry does.
func (c *Client) stranger(what string) error {
	return &NetworkError{Server: c.o.Server, Reason: what + "; is this the address of a pack registry?"}
}

// broken is the error of an answer that broke off; nil stays nil.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errSilent):
		return &NetworkError{Server: c.o.Server, Reason: errSilent.Error(), Err: errSilent}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, new(*pack.Error)), errors.As(err, new(*NetworkError)):
		return err
	}
	return &NetworkError{Server: c.o.Server, Reason: "the answer broke off: " + err.Error(), Err: err}
}

// maxRetryAfter bounds what a server may ask for, in seconds, to what a Duration holds; a day is far beyond any wait of ours.
const maxRetryAfter = 24 * 60 * 60

// retryAfter reads how long the server asks to wait; 0 is nothing said.
func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(s, 0), maxRetryAfter)) * time.Second
	}
	// The other form is a date (RFC 9110 10.2.3). The answer's own date makes up for clocks that differ.
	at, err := http.ParseTime(text)
	now, errNow := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || errNow != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter*time.Second)
}
