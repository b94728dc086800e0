package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// writeChunk is the most that goes out under one deadline: with stall it makes
	// the slowest reader served about 1 KiB a second.
	writeChunk = 64 << 10
	// sendChunk is the most that the kernel is asked to send of a file at once. When a
	// deadline passes meanwhile, what counts is whether a writeChunk went out.
	sendChunk = 1 << 20
)

// writer remembers what was answered and moves the write deadline on with each chunk,
// so that a slow big download finishes and a client that stops reading does not hold
// a connection for ever.
type writer struct {
	http.ResponseWriter
	rc       *http.ResponseController
	conn     *connection
	buffers  *sync.Pool // of *[writeChunk]byte, for what must pass through this process
	stall    time.Duration
	extended time.Time // when the deadline was last moved
	settle   *call     // whose body is settled before the header goes out; nil: no more
	headers  *headers  // that go out with its own
	status   int       // 0 until the header is out
	bytes    int64
	aborted  bool
}

// start makes w ready for an answer that begins now.
func (w *writer) start(to http.ResponseWriter, rc *http.ResponseController, conn *connection, stall time.Duration, buffers *sync.Pool) {
	w.ResponseWriter, w.rc, w.conn, w.stall, w.buffers = to, rc, conn, stall, buffers
	// The last request on this connection may have left a deadline that is over, and
	// net/http itself writes 100 Continue.
	w.extend()
}

// WriteHeader is http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Write is io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	written := 0
	for {
		chunk := p[written:min(len(p), written+writeChunk)]
		w.extend()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		w.bytes += int64(n)
		if err != nil || written >= len(p) {
			return written, err
		}
	}
}

// ReadFrom is io.ReaderFrom. A file, as io.Copy of the start of one gives it, goes out
// without passing through this process, where the connection can do that.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if ok {
		_, ok = limited.R.(*os.File)
	}
	kernel, can := w.ResponseWriter.(io.ReaderFrom)
	if !ok || !can {
		b := w.buffers.Get().(*[writeChunk]byte)
		defer w.buffers.Put(b)
		return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, b[:])
	}
	switch {
	case limited.N > writeChunk:
		w.conn.long()
	case limited.N > 0:
		w.conn.short()
		defer w.conn.sent()
	}
	// The header goes first: else net/http reads the beginning of the file to look at it.
	if err := w.FlushError(); err != nil {
		return 0, err
	}
	var sent int64
	for limited.N > 0 {
		w.extend()
		n, err := kernel.ReadFrom(&io.LimitedReader{R: limited.R, N: min(limited.N, sendChunk)})
		sent += n
		limited.N -= n
		w.bytes += n
		if errors.Is(err, os.ErrDeadlineExceeded) && n >= writeChunk {
			continue // slow, but not too slow
		}
		if err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}

// newBuffers makes the pool of a writer's buffers.
func newBuffers() *sync.Pool { return &sync.Pool{New: func() any { return new([writeChunk]byte) }} }

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	w.begin(http.StatusOK)
	w.extend()
	return w.rc.Flush()
}

// begin notes the status of an answer that begins now.
func (w *writer) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if c := w.settle; c != nil {
		c.body.settle(w, c.request)
	}
	w.headers.last(w.Header(), status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// extend grants the next stall, where the connection has deadlines at all. Moving the
// deadline by less than an eighth of a stall is not worth what it costs.
func (w *writer) extend() {
	now := time.Now()
	if now.Sub(w.extended) < w.stall/8 {
		return
	}
	w.extended = now
	_ = w.rc.SetWriteDeadline(now.Add(w.stall))
}

// code is the status a client saw: a handler that wrote nothing means 200.
func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
