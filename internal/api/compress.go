package api

import (
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// compressFrom is the size from which gzip saves more than it costs.
const compressFrom = 1 << 10

// compressed gzips JSON for clients that take it. Archives, files and ranges pass as they are.
func (s *server) compressed(next http.Handler) http.Handler {
	pool := &sync.Pool{New: func() any {
		// The error is for a level that does not exist.
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		return z
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead || !acceptsGzip(r.Header.Get("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		z := &gzipWriter{ResponseWriter: w, pool: pool}
		// A panic skips this: what is held back must not complete a broken answer.
		next.ServeHTTP(z, r)
		z.finish()
	})
}

// acceptsGzip reads Accept-Encoding (RFC 9110 12.5.3): gzip or * without q=0.
func acceptsGzip(accept string) bool { return accepts(accept, "gzip", true) }

// accepts reports whether a coding is accepted by its name, or by * where that counts.
func accepts(accept, wanted string, any bool) bool {
	found := false
	for item := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != wanted && (coding != "*" || !any) {
			continue
		}
		ok := true
		if value, isQ := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q="); isQ {
			q, err := strconv.ParseFloat(value, 64)
			ok = err == nil && q > 0
		}
		if coding == wanted {
			return ok
		}
		found = ok
	}
	return found
}

// gzipWriter holds back the header and the first bytes until it knows whether to compress.
type gzipWriter struct {
	http.ResponseWriter
	pool    *sync.Pool
	status  int
	held    []byte
	decided bool
	zip     *gzip.Writer // nil means pass through
}

func (w *gzipWriter) WriteHeader(status int) {
	if w.decided || w.status != 0 {
		return
	}
	if status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.status = status
	if !w.compressible() {
		w.pass()
	}
}

func (w *gzipWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.decided {
		w.held = append(w.held, p...)
		if len(w.held) < compressFrom {
			return len(p), nil
		}
		return len(p), w.start()
	}
	if w.zip != nil {
		return w.zip.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom is io.ReaderFrom: what is not compressed may go the short way.
func (w *gzipWriter) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok && w.decided && w.zip == nil {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{w}, src)
}

// FlushError is what http.ResponseController calls.
func (w *gzipWriter) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.decided {
		w.pass()
		if _, err := w.ResponseWriter.Write(w.held); err != nil {
			return err
		}
	}
	if w.zip != nil {
		if err := w.zip.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the connection.
func (w *gzipWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *gzipWriter) compressible() bool {
	h := w.Header()
	if !strings.HasPrefix(h.Get("Content-Type"), "application/") {
		return false
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || h.Get("Content-Encoding") != "" {
		return false
	}
	switch kind {
	case "application/json", "application/problem+json", "application/jsonl":
		h.Add("Vary", "Accept-Encoding")
		return w.status != http.StatusPartialContent && w.status != http.StatusNoContent && w.status != http.StatusNotModified
	}
	return false
}

func (w *gzipWriter) pass() {
	w.decided = true
	w.ResponseWriter.WriteHeader(w.status)
}

func (w *gzipWriter) start() error {
	w.decided = true
	h := w.Header()
	h.Set("Content-Encoding", "gzip")
	h.Del("Content-Length")
	w.ResponseWriter.WriteHeader(w.status)
	w.zip = w.pool.Get().(*gzip.Writer)
	w.zip.Reset(w.ResponseWriter)
	_, err := w.zip.Write(w.held)
	return err
}

// finish sends what is held back and ends the stream. An error here means that
// the client is gone.
func (w *gzipWriter) finish() {
	switch {
	case w.zip != nil:
		_ = w.zip.Close()
		w.zip.Reset(io.Discard)
		w.pool.Put(w.zip)
	case !w.decided && w.status != 0:
		w.pass()
		w.ResponseWriter.Write(w.held)
	}
}
