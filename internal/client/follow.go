package client

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"packregistry/internal/pack"
)

// follow fetches what the registry redirects to: the same question, without the password and all else that is between us and
// the registry. One redirect is followed, and none that leaves TLS. What the content is the registry has said.
func (c *Client) follow(ctx context.Context, asked *http.Request, from *http.Response) (*http.Response, error) {
	_ = from.Body.Close() // of the redirect, which has nothing to say
	to, err := from.Location()
	if err != nil {
		return nil, c.stranger("it redirects to an address that cannot be read")
	}
	store := party{host: to.Host, store: true}
	switch {
	case to.Host == "" || (to.Scheme != "https" && to.Scheme != "http"):
		return nil, c.stranger("it redirects to an address that is not one of HTTP")
	case to.Scheme == "http" && asked.URL.Scheme != "http":
		return nil, c.failed(store, "that is plain HTTP, which a registry that speaks TLS is not left for; its administrator has to name an https address (storage.s3.redirectendpoint)", nil, true)
	}
	to.User, to.Fragment = nil, ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, c.stranger("it redirects to an address that cannot be asked")
	}
	for _, name := range []string{"User-Agent", "Range", "Accept-Encoding"} {
		if v := asked.Header.Values(name); len(v) > 0 {
			req.Header[name] = v
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, store, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		return nil, c.refusedBy(store, resp)
	}
	// The store's ETag is a word of its own.
	resp.Header["Etag"] = from.Header["Etag"]
	return resp, nil
}

// refusedBy is the error of a store that does not give what the registry redirects to. Where that may pass, or the registry may say
// more when it is asked again, it is asked again.
func (c *Client) refusedBy(store party, resp *http.Response) error {
	defer resp.Body.Close()
	what := "it answered " + resp.Status
	var s3 struct {
		Code string `xml:"Code"`
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && xml.Unmarshal(text, &s3) == nil && s3.Code != "" && strings.Trim(s3.Code, letters) == "" {
		what += " (" + s3.Code + ")"
	}
	switch {
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests:
		return &pack.Error{Kind: pack.KindUnavailable, Code: "store_unavailable", Message: c.failed(store, what, nil, false).Error(), RetryAfter: retryAfter(resp)}
	case resp.StatusCode == http.StatusNotFound:
		return c.failed(store, what, errors.New(resp.Status), false)
	case resp.StatusCode == http.StatusForbidden:
		what += "; are the clocks of the registry and of its store right, and may its account read there?"
	}
	return c.failed(store, what, nil, true)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// failed is the error of what went wrong at a party.
func (c *Client) failed(at party, reason string, err error, final bool) *NetworkError {
	if at.store {
		reason = fmt.Sprintf("it redirects downloads to its store at %s, and there: %s", at.host, reason)
	}
	return &NetworkError{Server: c.o.Server, Reason: reason, Err: err, final: final}
}

// party is who we speak to: the registry, or the store that it redirects to.
type party struct {
	host  string
	store bool
}

func (c *Client) registry() party { return party{host: c.place.address.Host} }
