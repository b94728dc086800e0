package palette

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"packregistry/internal/pack"
)

// Refusal is what Palette itself said (swagger v1Error: code, message, ref, details). It is the cause of
// the *pack.Error that a method returns. Its texts are without secrets.
type Refusal struct {
	Status  int // of HTTP
	Code    string
	Message string
	Ref     string // names the failure in Palette's own logs
	Details string // at most 2,000 bytes
}

func (e *Refusal) Error() string {
	text := fmt.Sprintf("palette answered %d", e.Status)
	for _, s := range []string{e.Code, e.Message, e.Details} {
		if s != "" {
			text += ": " + s
		}
	}
	if e.Ref != "" {
		text += " (ref " + e.Ref + ")"
	}
	return text
}

const (
	maxMessage = 500
	maxDetails = 2000
)

// line is text from elsewhere as a part of one sentence.
func line(text string, limit int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))), " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}

// kindOf maps a status of Palette's to a kind.
func kindOf(status int) pack.Kind {
	switch status {
	case http.StatusUnauthorized:
		return pack.KindUnauthorized
	case http.StatusForbidden:
		return pack.KindForbidden
	case http.StatusNotFound, http.StatusGone:
		return pack.KindNotFound
	case http.StatusConflict:
		return pack.KindConflict
	case http.StatusTooManyRequests:
		return pack.KindBusy
	}
	if status >= 500 || status == http.StatusRequestTimeout {
		return pack.KindUnavailable
	}
	return pack.KindInvalid
}

// refusal reads what Palette, or a proxy before it, refused with.
func (c *Client) refusal(r *request, clean redactor, resp *http.Response) *attempt {
	if resp.StatusCode/100 == 3 {
		return &attempt{err: c.redirected(resp), unheard: true}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		body = nil // the status alone must do
	}
	var said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Ref     string `json:"ref"`
		Details any    `json:"details"`
	}
	worded := json.Unmarshal(body, &said) == nil && (said.Code != "" || said.Message != "")
	if !worded {
		said.Code, said.Message, said.Ref, said.Details = "", "", "", nil
	}
	details := ""
	if said.Details != nil {
		details = fmt.Sprint(said.Details) // not JSON: escaped twice, secrets in it would not be known
	}
	cause := &Refusal{
		Status: resp.StatusCode, Code: line(clean.clean(said.Code), 100), Message: line(clean.clean(said.Message), maxMessage),
		Ref: line(clean.clean(said.Ref), 100), Details: line(clean.clean(details), maxDetails),
	}
	if !worded && resp.StatusCode == http.StatusNotFound {
		return &attempt{err: c.stranger("it answered 404 and not as Palette does"), unheard: true}
	}
	kind := kindOf(resp.StatusCode)
	return &attempt{
		err:   &pack.Error{Kind: kind, Code: "palette_" + string(kind), Message: c.sentence(r, cause), RetryAfter: retryAfter(resp), Err: cause},
		again: kind == pack.KindBusy || kind == pack.KindUnavailable,
		// Below 500 Palette has understood and refused. What answers 5xx may be a proxy that lost the answer.
		unheard: resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout,
		wait:    retryAfter(resp),
	}
}

// sentence says what went wrong and what mends it.
func (c *Client) sentence(r *request, e *Refusal) string {
	said := e.Message
	if said == "" {
		said = strings.ToLower(http.StatusText(e.Status))
	}
	switch e.Status {
	case http.StatusUnauthorized:
		switch {
		case c.o.Login.APIKey != "":
			return "Palette does not accept the API key (" + said + "); see in Palette under My API Keys whether it is active and has not expired"
		case c.o.Login.System:
			return "Palette does not accept the user or password of the system console (" + said + ")"
		}
		return "Palette does not accept the email address or password (" + said + "); users who sign in elsewhere need an API key"
	case http.StatusForbidden:
		return "the Palette account may not " + r.what + " (" + said + "); it takes a tenant administrator, or a role with the registry permissions"
	case http.StatusTooManyRequests:
		return "Palette is asked too much from this address (" + said + "); try again later"
	}
	if e.Status >= 500 {
		return fmt.Sprintf("Palette, or a proxy before it, failed to %s (%d: %s); try again later", r.what, e.Status, said)
	}
	return fmt.Sprintf("Palette refused to %s: %s", r.what, said)
}

// redirected is the error of an answer that leads elsewhere: a key follows no redirect.
func (c *Client) redirected(resp *http.Response) error {
	to := "elsewhere"
	if u, err := resp.Location(); err == nil && u.Host != "" {
		to = "to " + line(u.Scheme+"://"+u.Host, 200) // its path and query may hold anything
	}
	return pack.Errorf(pack.KindInvalid, "palette_redirect", "the address %s leads %s; if Palette is there, name that address", c.base.Host, to)
}

// stranger is the error of a server that does not speak as Palette does.
func (c *Client) stranger(what string) error {
	return pack.Errorf(pack.KindInvalid, "palette_stranger", "at %s there is no Palette: %s; name https://api.spectrocloud.com, or the domain of a self-hosted Palette", c.base.Host, what)
}

// retryAfter reads how long to wait (RFC 9110 10.2.3, the form in seconds); 0 is nothing said.
func retryAfter(resp *http.Response) time.Duration {
	s, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(min(max(s, 0), 24*60*60)) * time.Second
}
