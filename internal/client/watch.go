package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// errSilent ends a transfer in which nothing moves any more.
var errSilent = errors.New("nothing came or went for too long")

// watch ends a request when nothing moves. It does not run while the caller is busy with what came, nor while the
// server thinks: the transport bounds that.
type watch struct {
	timer *time.Timer
	after time.Duration
	end   context.CancelCauseFunc
}

func newWatch(ctx context.Context, after time.Duration) (context.Context, *watch) {
	ctx, end := context.WithCancelCause(ctx)
	w := &watch{after: after, end: end}
	w.timer = time.AfterFunc(after, func() { end(errSilent) })
	w.timer.Stop()
	return ctx, w
}

func (w *watch) on()  { w.timer.Reset(w.after) }
func (w *watch) off() { w.timer.Stop() }

func (w *watch) close() {
	w.timer.Stop()
	w.end(nil)
}

// bodyError is a failure to read what we send.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// sending is a request's body: from one read of it to the next the connection must take something.
type sending struct {
	r io.Reader
	w *watch

	mu   sync.Mutex
	over bool
}

// stop keeps the transport, which may go on sending after it has given an error, from what the caller owns.
func (s *sending) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

var errOver = errors.New("the request is over")

func (s *sending) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, errOver
	}
	s.w.off()
	n, err := s.r.Read(p)
	switch {
	case err == nil:
		s.w.on()
	case !errors.Is(err, io.EOF):
		err = &bodyError{err}
	}
	return n, err
}

// receiving is an answer's body. Its errors are those of the client.
type receiving struct {
	io.ReadCloser
	c   *Client
	ctx context.Context
	w   *watch
}

func (r *receiving) Read(p []byte) (int, error) {
	r.w.on()
	n, err := r.ReadCloser.Read(p)
	r.w.off()
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.c.broken(r.ctx, err)
	}
	return n, err
}

func (r *receiving) Close() error {
	err := r.ReadCloser.Close()
	r.w.close()
	return err
}
