package palette

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"packregistry/internal/pack"
)

const (
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// maxAnswer bounds what is read of an answer: a pack's values of all its versions come in one.
	maxAnswer = 64 << 20
	maxError  = 64 << 10
)

// request is one question to Palette.
type request struct {
	what   string // what it is for, as an infinitive: "read the entry"
	method string
	path   string // escaped
	query  url.Values
	body   any // sent as JSON; nil is none
	// secrets stand in the body, as user's, so Palette's answer may repeat them.
	user    string
	secrets []Secret
	// once is set where a second attempt could do a second thing: only what has certainly not been heard is repeated.
	once bool
	// lost is set when an attempt was sent whose outcome is not known.
	lost bool
	// open needs no login.
	open bool
}

// attempt is how one attempt ended, when it did not end well.
type attempt struct {
	err     error
	again   bool          // asking again may help
	unheard bool          // Palette has certainly not acted
	expired Secret        // a token that no longer holds
	wait    time.Duration // how long Palette asked to wait; 0 is nothing said
}

// do asks, and asks again where that is safe and may help. The answer is decoded into v unless v is nil.
func (c *Client) do(ctx context.Context, r *request, v any) error {
	wait, renewed := firstWait, false
	for n := 1; ; n++ {
		a := c.once(ctx, r, v)
		if a == nil {
			return nil
		}
		if !a.unheard {
			r.lost = true
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if a.expired != "" && !renewed && c.forget(ctx, a.expired) {
			renewed = true
			n--
			continue
		}
		if !a.again || n >= c.o.Attempts || (r.once && !a.unheard) {
			return a.err
		}
		pause := wait/2 + rand.N(wait/2)
		if a.wait > 0 {
			pause = a.wait
		}
		if pause > maxWait {
			return a.err
		}
		if err := c.o.Sleep(ctx, pause); err != nil {
			return err
		}
		wait = min(wait*2, maxWait)
	}
}

// once asks one time; nil is success.
func (c *Client) once(ctx context.Context, r *request, v any) *attempt {
	if err := c.pace.wait(ctx); err != nil {
		return &attempt{err: err, unheard: true}
	}
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {c.o.UserAgent}}
	var token Secret
	if !r.open {
		var err error
		if token, err = c.authorise(ctx, header); err != nil {
			return &attempt{err: err, unheard: true}
		}
	}
	clean := newRedactor(c.o.Login.User, c.o.Login.APIKey, c.o.Login.Password, token)
	clean = append(newRedactor(r.user, r.secrets...), clean...)
	asking, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := c.newRequest(asking, r, header)
	if err != nil {
		return &attempt{err: err, unheard: true}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(r, clean, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		a := c.refusal(r, clean, resp)
		if resp.StatusCode == http.StatusUnauthorized {
			a.expired = token
		}
		return a
	}
	return c.decode(r, clean, resp, v)
}

func (c *Client) newRequest(ctx context.Context, r *request, header http.Header) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, pack.Errorf(pack.KindInternal, "", "the request to Palette cannot be written")
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	at := strings.TrimRight(c.base.String(), "/") + r.path
	if len(r.query) > 0 {
		at += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, body)
	if err != nil {
		return nil, pack.Errorf(pack.KindInternal, "", "the request to Palette cannot be written")
	}
	req.Header = header
	return req, nil
}

// decode reads a good answer.
func (c *Client) decode(r *request, clean redactor, resp *http.Response, v any) *attempt {
	if v == nil {
		// What may stand there is of no use; read, the connection can be.
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxError))
		return nil
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return &attempt{err: c.stranger("it answered without JSON")}
	}
	limited := &io.LimitedReader{R: resp.Body, N: maxAnswer + 1}
	err := json.NewDecoder(limited).Decode(v)
	switch {
	case err == nil:
		return nil
	case limited.N <= 0:
		return &attempt{err: pack.Errorf(pack.KindTooLarge, "palette_answer", "Palette's answer is larger than %d MiB", maxAnswer>>20)}
	case errors.As(err, new(*json.SyntaxError)), errors.As(err, new(*json.UnmarshalTypeError)):
		return &attempt{err: pack.Wrap(pack.KindUnavailable, clean.wrap(err), "Palette's answer cannot be read; is its version older or newer than this program knows?")}
	}
	return c.unreachable(r, clean, err) // it broke off
}
