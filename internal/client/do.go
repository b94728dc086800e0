package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"packregistry/internal/pack"
)

const (
	firstWait = 250 * time.Millisecond
	maxWait   = 30 * time.Second
)

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// do asks, and asks again where that is safe and may help. The caller closes the body, whose errors are those of this client.
func (c *Client) do(ctx context.Context, r *request) (*http.Response, error) {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		resp, err := c.once(ctx, r)
		if err == nil || ctx.Err() != nil || attempt >= c.o.Attempts || !repeatable(err) {
			return resp, err
		}
		if errors.As(err, new(*NetworkError)) {
			r.lost = true
		}
		pause := wait/2 + rand.N(wait/2)
		if asked := waitAsked(err); asked > 0 {
			pause = asked
		}
		if pause > maxWait {
			return nil, err
		}
		if err := c.o.Sleep(ctx, pause); err != nil {
			return nil, err
		}
		wait = min(wait*2, maxWait)
	}
}

// repeatable reports whether to ask again. Every request of ours may be repeated: a publish of the same content is no
// change, a tag or a delete ends in the same state. A server that is tired of wrong passwords is left alone.
func repeatable(err error) bool {
	var (
		network *NetworkError
		known   *pack.Error
	)
	switch {
	case errors.As(err, &network):
		return network.Err != nil && !network.final
	case errors.As(err, &known):
		return (known.Kind == pack.KindBusy && known.Code != "too_many_failures") || known.Kind == pack.KindUnavailable
	}
	return false
}

func waitAsked(err error) time.Duration {
	var e *pack.Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// once asks one time.
func (c *Client) once(ctx context.Context, r *request) (*http.Response, error) {
	base, err := c.find(ctx)
	if err != nil {
		return nil, c.unreachable(ctx, c.registry(), err)
	}
	ctx, w := newWatch(ctx, c.silence)
	var body io.Reader
	if r.body != nil {
		from, err := r.body()
		if err != nil {
			w.close()
			return nil, err
		}
		s := &sending{r: from, w: w}
		defer s.stop()
		body = s
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(base, r), body)
	if err != nil {
		w.close()
		return nil, pack.Wrap(pack.KindInvalid, err, "the request cannot be written")
	}
	if r.body != nil {
		req.ContentLength = r.size
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	if c.o.Username != "" {
		req.SetBasicAuth(c.o.Username, c.o.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		defer w.close()
		return nil, c.unreachable(ctx, c.registry(), err)
	}
	w.off()
	if r.follow && resp.StatusCode == http.StatusTemporaryRedirect {
		if resp, err = c.follow(ctx, req, resp); err != nil {
			w.close()
			return nil, err
		}
	}
	resp.Body = &receiving{ReadCloser: resp.Body, c: c, ctx: ctx, w: w}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	return nil, c.refusal(resp)
}
