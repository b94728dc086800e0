package api

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzip"

	"packregistry/internal/db"
)

const (
	// keptSize bounds each of the two halves of what is kept, in bytes.
	keptSize = 3 << 20
	// keptMost is the largest answer that is kept, before it is compressed.
	keptMost = 1 << 20
)

// keptRoutes are those whose answer follows from the path, the query and the state of the
// catalogue, and from nothing else.
var keptRoutes = [...]string{"/api/v1/packs", "/api/v1/packs/{name}", "/api/v1/packs/{name}/tags"}

// answers keeps what was answered, compressed, while the head of the feed stays. Those
// not asked for longest go first: when the younger half is full, the older one is dropped.
type answers struct {
	mu         sync.Mutex
	mark       db.Mark
	young, old map[string]*keptAnswer
	bytes      int // of young
	zips       sync.Pool
	unzips     sync.Pool
}

type keptAnswer struct {
	contentType, link []string // as the header has them
	body              []byte   // gzip
	size              int      // of it, unpacked
}

// get finds an answer as of a mark. Of another mark nothing is true.
func (a *answers) get(mark db.Mark, key string) *keptAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mark != mark {
		a.mark, a.young, a.old, a.bytes = mark, nil, nil, 0
		return nil
	}
	k := a.young[key]
	if k == nil {
		if k = a.old[key]; k != nil {
			delete(a.old, key)
			a.keep(key, k)
		}
	}
	return k
}

// put keeps an answer that was made after the mark was read. It may be of a newer one: then
// nobody will ask for this one again.
func (a *answers) put(mark db.Mark, key string, k *keptAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mark == mark {
		a.keep(key, k)
	}
}

func (a *answers) keep(key string, k *keptAnswer) {
	const overhead = 300 // of the maps, the struct and the header
	if a.young == nil || a.bytes > keptSize {
		a.young, a.old, a.bytes = make(map[string]*keptAnswer), a.young, 0
	}
	a.young[key] = k
	a.bytes += len(key) + cap(k.body) + overhead
}

// kept answers the routes of keptRoutes from memory where it can. It stands behind authorise.
func (s *server) kept(next http.Handler) http.Handler {
	routes := make(map[string]bool, len(keptRoutes))
	for _, pattern := range keptRoutes {
		routes[pattern] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !routes[chi.RouteContext(r.Context()).RoutePattern()] {
			next.ServeHTTP(w, r)
			return
		}
		mark, err := s.cfg.Registry.Mark(r.Context())
		if err != nil {
			next.ServeHTTP(w, r) // which says what is wrong
			return
		}
		key := routePath(r) + "?" + r.URL.RawQuery
		if k := s.answers.get(mark, key); k != nil {
			s.sendKept(w, r, k)
			return
		}
		c := &capture{ResponseWriter: w}
		next.ServeHTTP(c, r)
		if c.status == http.StatusOK && !c.tooMuch {
			if k, err := s.answers.pack(c); err == nil {
				s.answers.put(mark, key, k)
			}
		}
	})
}

func (s *server) sendKept(w http.ResponseWriter, r *http.Request, k *keptAnswer) {
	h := w.Header()
	h["Content-Type"] = k.contentType
	if k.link != nil {
		h["Link"] = k.link
	}
	if acceptsGzip(r.Header.Get("Accept-Encoding")) && k.size >= compressFrom {
		h["Vary"] = []string{"Accept-Encoding"}
		h["Content-Encoding"] = []string{"gzip"}
		w.Write(k.body)
		return
	}
	z := s.answers.unzips.Get().(*gzip.Reader)
	defer s.answers.unzips.Put(z)
	b := s.buffers.Get().(*[writeChunk]byte)
	defer s.buffers.Put(b)
	err := z.Reset(bytes.NewReader(k.body))
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{w}, z, b[:])
	}
	if err != nil { // the client went away
		callOf(r.Context()).err = err
		panic(http.ErrAbortHandler)
	}
}

func newAnswers() answers {
	return answers{
		zips:   sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }},
		unzips: sync.Pool{New: func() any { return new(gzip.Reader) }},
	}
}

// pack makes what is kept of an answer.
func (a *answers) pack(c *capture) (*keptAnswer, error) {
	var out bytes.Buffer
	z := a.zips.Get().(*gzip.Writer)
	defer a.zips.Put(z)
	z.Reset(&out)
	_, err := z.Write(c.body.Bytes())
	if err == nil {
		err = z.Close()
	}
	h := c.Header()
	return &keptAnswer{contentType: h["Content-Type"], link: h["Link"], body: bytes.Clone(out.Bytes()), size: c.body.Len()}, err
}

// capture copies an answer on its way.
type capture struct {
	http.ResponseWriter
	status  int
	body    bytes.Buffer
	tooMuch bool
}

// WriteHeader is http.ResponseWriter.
func (c *capture) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Write is io.Writer.
func (c *capture) Write(p []byte) (int, error) {
	if c.body.Len()+len(p) > keptMost {
		c.tooMuch = true
	} else {
		c.body.Write(p)
	}
	n, err := c.ResponseWriter.Write(p)
	if err != nil {
		c.tooMuch = true // it is not known what of it was right
	}
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }
