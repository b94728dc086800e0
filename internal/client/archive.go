package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// archive is a body that must have a size and a digest: an archive, or one file of it. Where the connection breaks it asks for the rest.
type archive struct {
	c      *Client
	ctx    context.Context
	path   string
	query  url.Values
	want   pack.Digest // "" until the server says
	size   int64       // -1 until the server says
	follow bool        // the server may send us to its store

	body   io.ReadCloser // nil when the connection broke
	sum    hash.Hash     // of what was read
	read   int64
	broken int // connections in a row that brought nothing
	wait   time.Duration
	end    error // of all further reads
}

// open asks for what was not read yet.
func (a *archive) open() error {
	if a.sum == nil {
		a.sum = sha256.New()
	}
	// Compressed on the way it would have no ranges.
	r := &request{method: http.MethodGet, path: a.path, query: a.query, header: http.Header{"Accept-Encoding": {"identity"}}, follow: a.follow}
	if a.read > 0 {
		// The condition also has the server answer by itself: where the way to its store broke, the rest comes another way.
		r.header.Set("Range", fmt.Sprintf("bytes=%d-", a.read))
		r.header.Set("If-Match", `"`+string(a.want)+`"`)
	}
	resp, err := a.c.do(a.ctx, r)
	if err != nil {
		return err
	}
	if a.read > 0 && resp.StatusCode == http.StatusPartialContent {
		if span := resp.Header.Get("Content-Range"); !strings.HasPrefix(span, fmt.Sprintf("bytes %d-", a.read)) {
			resp.Body.Close()
			return a.c.stranger(fmt.Sprintf("it was asked for the bytes from %d on and sent %q", a.read, span))
		}
	} else if a.read == 0 {
		if err := a.meet(resp); err != nil {
			resp.Body.Close()
			return err
		}
	} else { // the whole again, which is lawful
		if _, err := io.CopyN(io.Discard, resp.Body, a.read); err != nil {
			resp.Body.Close()
			return a.c.broken(a.ctx, err)
		}
	}
	a.body = resp.Body
	return nil
}

// meet takes what the server says of its answer where that is not known yet.
func (a *archive) meet(resp *http.Response) error {
	if a.want == "" {
		digest, err := pack.ParseDigest(strings.Trim(resp.Header.Get("ETag"), `"`))
		if err != nil {
			return a.c.stranger("it does not say what the digest of " + a.path + " is")
		}
		a.want = digest
	}
	if a.size < 0 {
		if a.size = resp.ContentLength; a.size < 0 {
			return a.c.stranger("it does not say how long " + a.path + " is")
		}
	}
	return nil
}

func (a *archive) Read(p []byte) (int, error) {
	for a.end == nil {
		n, err := a.some(p)
		a.sum.Write(p[:n])
		a.read += int64(n)
		if n > 0 {
			a.broken = 0
		}
		switch {
		case a.read > a.size:
			a.end = a.changed()
		case a.read == a.size && err != nil && a.ctx.Err() == nil: // all is here, however it ended
			if a.end = io.EOF; pack.NewDigest(a.sum.Sum(nil)) != a.want {
				a.end = a.changed()
			}
		case err != nil:
			a.end = a.again(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, a.end
}

// some reads from the connection, which it makes anew where there is none.
func (a *archive) some(p []byte) (int, error) {
	if a.body == nil {
		if err := a.c.o.Sleep(a.ctx, a.wait); err != nil {
			return 0, err
		}
		if err := a.open(); err != nil {
			return 0, err
		}
	}
	return a.body.Read(p)
}

// again makes ready for another connection, or tells why there will be none.
func (a *archive) again(err error) error {
	if a.body != nil {
		a.body.Close()
		a.body = nil
	}
	if !errors.As(err, new(*NetworkError)) && errors.Is(err, io.EOF) { // cut, and nobody said so
		err = a.c.broken(a.ctx, io.ErrUnexpectedEOF)
	}
	if a.broken++; !repeatable(err) || a.broken >= a.c.o.Attempts {
		return err
	}
	a.wait = min(firstWait<<(a.broken-1), maxWait)
	return nil
}

func (a *archive) changed() error {
	return &NetworkError{Server: a.c.o.Server, Reason: "what came is not " + string(a.want) + "; it was changed on its way"}
}

func (a *archive) Close() error {
	a.end = errClosed
	if a.body == nil {
		return nil
	}
	return a.body.Close()
}

var errClosed = errors.New("the archive is closed")
