package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of an answer.
const (
	documentTime  = 30 * time.Second
	documentBytes = 64 << 20 // a catalogue of everything is long
	streamTime    = 10 * time.Minute
	streamBytes   = 8 << 30
)

// reply is an answer that was read.
type reply struct {
	status   int
	header   http.Header
	body     []byte // of a document
	sum      string // sha256:<hex> of the body
	size     int64
	sent     time.Time // when the request went out
	took     time.Duration
	location string
	store    string // the host that it came from, "" for the server itself
}

// request is one question.
type request struct {
	method, path string // the path with its query, below the prefix
	login        bool   // with the credentials
	accept       string
	stream       bool // only hash the body
	follow       bool // to the store, where the server redirects there
}

// get asks and reads the whole answer. Credentials go only to who has shown a certificate that holds, or where the
// administrator chose plain HTTP.
func (e *exam) get(ctx context.Context, q request) (*reply, error) {
	limit, size := documentTime, int64(documentBytes)
	if q.stream {
		limit, size = streamTime, streamBytes
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if q.method == "" {
		q.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, q.method, e.base.String()+q.path, nil)
	if err != nil {
		return nil, err
	}
	if q.login && e.mayLogin() {
		req.SetBasicAuth(e.o.User, e.o.Password)
	}
	if q.accept != "" {
		req.Header.Set("Accept", q.accept)
	}
	req.Header.Set("User-Agent", "registry-doctor")
	req.Header.Set("Accept-Encoding", "identity")
	sent := e.o.Now()
	res, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	if q.follow && res.StatusCode == http.StatusTemporaryRedirect {
		if res, err = e.follow(ctx, res); err != nil {
			return nil, err
		}
	}
	defer res.Body.Close()
	hash := sha256.New()
	var document bytes.Buffer
	var to io.Writer = hash
	if !q.stream {
		to = io.MultiWriter(hash, &document)
	}
	n, err := io.Copy(to, io.LimitReader(res.Body, size+1))
	if err != nil {
		return nil, fmt.Errorf("the answer breaks off after %d bytes: %w", n, err)
	}
	if n > size {
		return nil, fmt.Errorf("the answer is longer than %d bytes", size)
	}
	store := res.Request.URL.Host
	if store == e.base.Host {
		store = ""
	}
	return &reply{
		status: res.StatusCode, header: res.Header, body: document.Bytes(), sum: "sha256:" + hex.EncodeToString(hash.Sum(nil)),
		size: n, sent: sent, took: e.o.Now().Sub(sent), location: res.Header.Get("Location"), store: store,
	}, nil
}

// mayLogin reports whether there are credentials that may be sent.
func (e *exam) mayLogin() bool { return e.o.User != "" && (e.trusted || !e.secure) }

// document asks for JSON with the credentials and decodes it. Its text is "" or what is wrong.
func (e *exam) document(ctx context.Context, path, accept string, into any) (*reply, string) {
	r, err := e.get(ctx, request{path: path, login: true, accept: accept})
	switch {
	case err != nil:
		return nil, path + ": " + reason(err)
	case r.status != http.StatusOK:
		return r, path + " answers " + r.describe()
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return r, path + " answers 200 with something that is not the JSON expected"
	}
	return r, ""
}

// describe is a status with the words of a problem, when there are any.
func (r *reply) describe() string {
	text := fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))
	var problem struct {
		Detail string
		Errors []struct{ Message string }
	}
	if r.status >= 300 && r.status < 400 {
		return text + " to " + place(r.location)
	}
	if json.Unmarshal(r.body, &problem) == nil {
		switch {
		case problem.Detail != "":
			text += ": " + problem.Detail
		case len(problem.Errors) > 0 && problem.Errors[0].Message != "":
			text += ": " + problem.Errors[0].Message
		}
	}
	// What a stranger says must not move the cursor of a terminal, nor fill the screen.
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), 300)], "")
}

// reason is an error of the HTTP client without method and address.
func reason(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return plain(err)
}
