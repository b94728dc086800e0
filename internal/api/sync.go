package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/registry/snapshot"
)

// getCatalog gives the catalogue as of one instant. Nothing changed costs one
// look at the head.
func (s *server) getCatalog(w http.ResponseWriter, r *http.Request) error {
	namespace := namespaceOf(r)
	if namespace != pack.AllNamespaces && namespace != pack.DefaultNamespace {
		if err := pack.ValidateNamespace(namespace); err != nil {
			return err
		}
	}
	c, err := s.consumer(r.Context(), namespace, r.URL.Query().Get("consumer"))
	if err != nil {
		return err
	}
	head, err := s.cfg.Registry.Head(r.Context())
	if err != nil {
		return err
	}
	// The head is read before the snapshot, so the tag may be older than the content,
	// never newer: at worst a reader fetches once more than it needs.
	tag := s.catalogTag(head, namespace)
	h := w.Header()
	h["Etag"] = tag.values
	h.Set("Cache-Control", "no-cache")
	if none := r.Header.Get("If-None-Match"); none != "" && matchesWeak(none, tag.values[0]) {
		c.read(head)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/jsonl")
	if r.Method == http.MethodHead {
		return nil
	}
	coding := codingOf(r.Header.Get("Accept-Encoding"))
	book, cursor, err := s.cfg.Registry.Book(r.Context(), namespace, coding)
	if err == nil {
		h["Etag"] = s.catalogTag(cursor, namespace).values
		s.sendBook(w, r, book, coding)
		c.read(cursor)
		return nil
	}
	if r.Context().Err() != nil {
		return err
	}
	// It can still be read as a stream, or the stream says what is wrong.
	s.cfg.Log.WarnContext(r.Context(), "the catalogue cannot be written down and is streamed instead", "error", err)
	if cursor, err = s.streamCatalog(w, r, namespace); err == nil {
		c.read(cursor)
	}
	return err
}

// sendBook sends the catalogue as it was written down.
func (s *server) sendBook(w http.ResponseWriter, r *http.Request, book *snapshot.Reading, coding snapshot.Coding) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if coding != snapshot.Plain { // which nothing compresses on the way, for gzip would have been chosen here
		h.Set("Content-Encoding", string(coding))
	}
	h.Set("Content-Length", strconv.FormatInt(book.Size, 10))
	w.WriteHeader(http.StatusOK)
	if _, err := book.WriteTo(w); err != nil {
		callOf(r.Context()).err = err
		panic(http.ErrAbortHandler)
	}
}

// codingOf chooses Zstandard for who asks for it by name, and else gzip where it is taken.
func codingOf(accept string) snapshot.Coding {
	switch {
	case accepts(accept, "zstd", false):
		return snapshot.Zstd
	case acceptsGzip(accept):
		return snapshot.Gzip
	}
	return snapshot.Plain
}

// streamCatalog reads the catalogue while it sends it, and gives the cursor of its instant.
func (s *server) streamCatalog(w http.ResponseWriter, r *http.Request, namespace string) (cursor string, err error) {
	out := bufio.NewWriterSize(w, writeChunk)
	lines := json.NewEncoder(out)
	cursor, err = s.cfg.Registry.Catalogue(r.Context(), namespace, func(v *pack.Version) error { return lines.Encode(v) })
	if err == nil {
		err = lines.Encode(map[string]string{"cursor": cursor})
	}
	if err == nil {
		err = out.Flush()
	}
	call := callOf(r.Context())
	switch {
	case err == nil:
		return cursor, nil
	case !call.answered():
		return "", err
	}
	// Lines are out already: only a broken connection says that they are not all.
	call.err = err
	panic(http.ErrAbortHandler)
}

// headTag is the ETag of a namespace's catalogue at a head.
type headTag struct {
	head, namespace string
	values          []string // as a header has it
}

// catalogTag is catalogTag, remembered from the last time.
func (s *server) catalogTag(head, namespace string) *headTag {
	last := s.lastTag.Load()
	if last == nil || last.head != head || last.namespace != namespace {
		last = &headTag{head, namespace, []string{catalogTag(head, namespace)}}
		s.lastTag.Store(last)
	}
	return last
}

// catalogTag is weak: the lines may be gzipped. It is made of the feed's head, which
// changes with every change and with every restore, of what was asked for, and
// of what the caller may read, which today is the same for all.
func catalogTag(head, namespace string) string {
	const scope = "all"
	sum := sha256.Sum256([]byte(head + "\x00" + namespace + "\x00" + scope))
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// drainLook is how often a waiting reader looks whether the server wants to stop.
const drainLook = time.Second

// untilDraining gives a context that ends when the server begins to shut down, so
// that readers who wait do not hold it up.
func (s *server) untilDraining(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(drainLook)
		defer tick.Stop()
		for !s.cfg.Draining() {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	}()
	return ctx, cancel
}
