package api

import (
	"net/http"
	"time"
)

// writeChunk is the most that goes out under one deadline: with stall it makes
// the slowest reader served about 1 KiB a second.
const writeChunk = 64 << 10

// writer remembers what was answered and moves the write deadline on with each chunk,
// so that a slow big download finishes and a client that stops reading does not hold
// a connection for ever.
type writer struct {
	http.ResponseWriter
	rc      *http.ResponseController
	stall   time.Duration
	settle  func() // called once, before the header goes out
	status  int    // 0 until the header is out
	bytes   int64
	aborted bool
}

func newWriter(w http.ResponseWriter, stall time.Duration) *writer {
	rec := &writer{ResponseWriter: w, rc: http.NewResponseController(w), stall: stall}
	// The last request on this connection may have left a deadline that is over, and
	// net/http itself writes 100 Continue.
	rec.extend()
	return rec
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
	if w.settle != nil {
		w.settle()
	}
}

// Unwrap lets http.ResponseController find the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// extend grants the next stall, where the connection has deadlines at all.
func (w *writer) extend() { _ = w.rc.SetWriteDeadline(time.Now().Add(w.stall)) }

// code is the status a client saw: a handler that wrote nothing means 200.
func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
