package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// The patience with a client: it may pause for as long as a stall, and over the
// whole body must keep up a rate of at least slowRate, so that a slow big upload finishes
// and one byte a minute does not hold a connection for days.
const (
	defaultStall = 60 * time.Second
	slowRate     = 1 << 10 // bytes a second, after the first stall
)

// smallBody is the limit of a body on routes that take no archive.
const smallBody = 64 << 10

// goDrains is how much of an unread body net/http itself reads before it gives
// up on the connection.
const goDrains = 256 << 10

// Lingering after an early refusal ends after this time or this many bytes.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// body is a request body with a limit, a deadline that moves on with the bytes
// that come, and a memory of how it ended.
type body struct {
	r       io.ReadCloser
	rc      *http.ResponseController
	stall   time.Duration
	limit   int64
	n       int64
	started time.Time
	asked   bool  // a byte was asked for: 100 Continue went out
	eof     bool  // all of it came
	lingers bool  // what is left is read after the answer
	fault   error // why it ended early, as an error with a kind
}

// start makes b the body of r.
func (b *body) start(rc *http.ResponseController, r *http.Request, stall time.Duration) {
	b.r, b.rc, b.stall, b.limit, b.eof = r.Body, rc, stall, smallBody, r.ContentLength == 0
}

// Read is io.Reader. Its errors are those to show.
func (b *body) Read(p []byte) (int, error) {
	if b.fault != nil {
		return 0, b.fault
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !b.asked {
		b.asked, b.started = true, time.Now()
	}
	b.extend()
	// One byte more than the limit tells a body that is too large.
	if room := b.limit + 1 - b.n; int64(len(p)) > room {
		p = p[:room]
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.limit {
		b.fault = tooLarge(b.limit)
		return n, b.fault
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		b.eof = true
		// net/http keeps reading in the background to see a client go: that has no deadline.
		b.deadline(time.Time{})
		return n, io.EOF
	}
	b.fault = bodyFault(err)
	return n, b.fault
}

// Close is io.Closer.
func (b *body) Close() error { return b.r.Close() }

// extend grants the next stall, within what the rate allows.
func (b *body) extend() {
	now := time.Now()
	least := b.started.Add(b.stall + time.Duration(b.n/slowRate)*time.Second)
	next := now.Add(b.stall)
	if least.Before(next) {
		next = least
	}
	b.deadline(next)
}

// deadline sets the read deadline where the connection has one: a test's recorder has none.
func (b *body) deadline(t time.Time) { _ = b.rc.SetReadDeadline(t) }

func bodyFault(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &slowError{err}
	}
	return &pack.Error{Kind: pack.KindInvalid, Code: "upload_incomplete", Message: "the body ended before it was complete; send it again", Err: err}
}

func tooLarge(limit int64) error {
	return &pack.Error{Kind: pack.KindTooLarge, Code: "body_too_large", Limit: limit, Message: "the body is larger than this server accepts"}
}

// unread reports whether the client may still be sending, so that closing the
// connection at once could destroy the answer before it is read: bytes that arrive
// at a closed socket make the kernel send a reset.
func (b *body) unread(r *http.Request) bool {
	return !b.eof && r.ProtoMajor == 1 && !b.waits(r) && (r.ContentLength < 0 || r.ContentLength-b.n > goDrains)
}

// waits reports whether the client waits for 100 Continue: it has sent nothing, and will not.
func (b *body) waits(r *http.Request) bool {
	return !b.asked && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}

// settle reads what is left of a small body before the answer begins, as net/http
// would, but not for longer than a linger: net/http has no deadline there, so that
// a client that announces a body and never sends it would hold the connection
// for ever. A body that does not end costs the connection.
func (b *body) settle(w http.ResponseWriter, r *http.Request) {
	if b.eof || b.lingers || r.ProtoMajor != 1 || b.waits(r) {
		return
	}
	b.deadline(time.Now().Add(lingerTime))
	if _, err := io.CopyN(io.Discard, b.r, goDrains); !errors.Is(err, io.EOF) {
		w.Header().Set("Connection", "close")
		return
	}
	b.eof = true
	b.deadline(time.Time{})
}

// finish bounds what net/http reads of the body after the handler.
func (b *body) finish() {
	if !b.eof {
		b.deadline(time.Now().Add(lingerTime))
	}
}

// keepReadable lets the body be read after the answer has begun.
func (b *body) keepReadable(w http.ResponseWriter) {
	b.lingers = true
	_ = b.rc.EnableFullDuplex() // not there in tests with a recorder
	w.Header().Set("Connection", "close")
}

// linger sends the answer and reads on for a moment, so that the client sees it.
func (b *body) linger(w http.ResponseWriter) {
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	b.deadline(time.Now().Add(lingerTime))
	// How it ends does not matter: the connection closes.
	_, _ = io.CopyN(io.Discard, b.r, lingerBytes)
}
