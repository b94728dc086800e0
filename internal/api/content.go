package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// maxRanges is the most ranges answered in one request; with more the whole is
// sent, as RFC 9110 14.2 allows.
const maxRanges = 16

// resolve finds the version that a request's path names.
func (s *server) resolve(r *http.Request) (v *pack.Version, ref string, err error) {
	name, err := pathParam(r, "name")
	if err != nil {
		return nil, "", err
	}
	if ref, err = pathParam(r, "ref"); err != nil {
		return nil, "", err
	}
	v, err = s.cfg.Registry.Resolve(r.Context(), namespaceOf(r), name, ref)
	return v, ref, err
}

func (s *server) getArchive(w http.ResponseWriter, r *http.Request) error {
	var format pack.Format
	if r.URL.RawQuery != "" {
		format = pack.Format(r.URL.Query().Get("format"))
	}
	switch format {
	case "", pack.FormatZip, pack.FormatTarGz:
	default:
		return pack.Errorf(pack.KindInvalid, "format_invalid", "format must be zip or tar.gz")
	}
	v, ref, err := s.resolve(r)
	if err != nil {
		return err
	}
	byDigest := isDigest(ref)
	if format == "" {
		// A digest names bytes, so it decides which form they have.
		format = pack.FormatZip
		if byDigest && pack.Digest(ref) == v.TarGzDigest {
			format = pack.FormatTarGz
		}
	}
	content, err := s.cfg.Registry.Archive(r.Context(), v, format)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", content.MediaType)
	h.Set("Content-Disposition", disposition(content.Name, false))
	return s.serveContent(w, r, content, byDigest)
}

func (s *server) getFile(w http.ResponseWriter, r *http.Request) error {
	path, err := pathParam(r, "*")
	if err != nil {
		return err
	}
	if callOf(r.Context()).onlyLogos && !isLogo(path) {
		return pack.Errorf(pack.KindUnauthorized, "credentials_required", "without credentials only logos are shown")
	}
	v, ref, err := s.resolve(r)
	if err != nil {
		return err
	}
	content, err := s.cfg.Registry.File(r.Context(), v, path)
	if err != nil {
		return err
	}
	return s.serveFile(w, r, content, "", isDigest(ref))
}

// serveFile sends one file of a pack in a way that no browser takes for a page of
// this server: a fixed type, no sniffing, and a sandbox.
func (s *server) serveFile(w http.ResponseWriter, r *http.Request, content *registry.Content, wanted string, immutable bool) error {
	if callOf(r.Context()).onlyLogos && !isLogo(content.Name) {
		return pack.Errorf(pack.KindUnauthorized, "credentials_required", "without credentials only logos are shown")
	}
	mediaType, inline := fileType(content.Name, wanted)
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", disposition(content.Name, inline))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	return s.serveContent(w, r, content, immutable)
}

// serveContent sends bytes with all of conditional requests and ranges (RFC 9110
// 13 and 14), or tells where the store gives them out. There is no Last-Modified: a second is too coarse for a promise never to
// lie about what changed.
func (s *server) serveContent(w http.ResponseWriter, r *http.Request, content *registry.Content, immutable bool) error {
	callOf(r.Context()).transfer = download
	h := w.Header()
	h.Set("ETag", `"`+string(content.Digest)+`"`)
	if sum, err := hex.DecodeString(content.Digest.Hex()); err == nil && len(sum) == sha256.Size { // a blob of /v2 may go by SHA-512
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	}
	h.Set("Cache-Control", cacheControl(immutable, s.cfg.Anonymous == AnonymousPull))
	if done, err := s.redirect(w, r, content); done || err != nil {
		return err
	}
	if isPlain(r) {
		return s.sendWhole(w, r, content)
	}
	ranges := r.Header.Get("Range")
	if wanted := understood(ranges, content.Size); wanted != ranges {
		ranges = wanted
		r = r.Clone(r.Context())
		r.Header.Set("Range", ranges)
	}
	seeker := newSeeker(r.Context(), content, ranges)
	defer func() { _ = seeker.close() }() // also when the connection breaks
	late := &lateWriter{ResponseWriter: w}
	http.ServeContent(late, r, "", time.Time{}, seeker)

	err := seeker.close()
	switch {
	case late.sent && err != nil:
		callOf(r.Context()).err = err
		panic(http.ErrAbortHandler) // the answer is short, and must be seen to be
	case late.sent:
		return nil
	case err != nil:
		h.Del("Content-Range")
		return err
	case late.status == http.StatusPreconditionFailed:
		return pack.Errorf(pack.KindPrecondition, "", "the content is not the one that If-Match names")
	case late.status == http.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(content.Size, 10))
		return &rangeError{}
	case late.status == 0 || late.status >= 400:
		return errors.New("http.ServeContent answered " + strconv.Itoa(late.status))
	}
	late.send()
	return nil
}

// isPlain reports whether a request is for the whole, without a condition.
func isPlain(r *http.Request) bool {
	_, ranges := r.Header["Range"]
	return r.Method == http.MethodGet && !ranges && !isConditional(r)
}

// isConditional reports whether a request has a condition (RFC 9110 13.1).
func isConditional(r *http.Request) bool {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Range", "If-Modified-Since", "If-Unmodified-Since"} {
		if _, asked := r.Header[name]; asked {
			return true
		}
	}
	return false
}

// sendWhole sends content from beginning to end. Its error means that nothing was sent.
func (s *server) sendWhole(w http.ResponseWriter, r *http.Request, content *registry.Content) error {
	stream, err := content.Open(r.Context(), 0, -1)
	if err != nil {
		return err
	}
	defer stream.Close()
	h := w.Header()
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Length"] = []string{strconv.FormatInt(content.Size, 10)}
	var sent int64
	if file, ok := stream.(registry.Settled); ok {
		w.WriteHeader(http.StatusOK)
		sent, err = file.WriteTo(w)
	} else {
		sent, err = s.sendVerified(w, stream, content.Size)
	}
	switch {
	case err == nil && sent == content.Size:
		return nil
	case err == nil:
		err = pack.Wrap(pack.KindCorrupt, io.ErrUnexpectedEOF, "the stored bytes are not as many as they should be")
	}
	if c := callOf(r.Context()); c.answered() {
		c.err = err
		panic(http.ErrAbortHandler) // the answer is short, and must be seen to be
	}
	return err
}

// sendVerified copies a stream whose end is its verdict: the last bytes go out once it
// is there. The header goes out with the first bytes, so that a stream that
// breaks before becomes a proper problem.
func (s *server) sendVerified(w http.ResponseWriter, stream io.Reader, size int64) (sent int64, err error) {
	b := s.buffers.Get().(*[writeChunk]byte)
	defer s.buffers.Put(b)
	held := 0
	for {
		n, err := stream.Read(b[held:])
		held += n
		switch {
		case errors.Is(err, io.EOF) && sent+int64(held) < size:
			return sent, pack.Wrap(pack.KindCorrupt, io.ErrUnexpectedEOF, "the stored bytes end too early")
		case errors.Is(err, io.EOF):
			n, err := w.Write(b[:held])
			return sent + int64(n), err
		case err != nil:
			return sent, err
		case sent+int64(held) > size:
			return sent, pack.Errorf(pack.KindCorrupt, "", "the stored bytes are more than they should be")
		}
		if held == len(b) { // the last byte waits for what comes after it
			n, err := w.Write(b[:held-1])
			if sent += int64(n); err != nil {
				return sent, err
			}
			b[0], held = b[held-1], 1
		}
	}
}

// understood is a Range header as net/http should see it. A unit that is not known is to be ignored (RFC
// 9110 14.2), where net/http would refuse it. A suffix of no bytes cannot be satisfied (14.1.2), where
// net/http would send nothing as a part: it becomes a range that begins behind the end.
func understood(ranges string, size int64) string {
	items, ok := strings.CutPrefix(ranges, "bytes=")
	if !ok || strings.Count(items, ",") >= maxRanges {
		return ""
	}
	list := strings.Split(items, ",")
	for i, item := range list {
		if length, suffix := strings.CutPrefix(strings.TrimSpace(item), "-"); suffix && length != "" && strings.Trim(length, "0") == "" {
			list[i] = strconv.FormatInt(size, 10) + "-"
		}
	}
	return "bytes=" + strings.Join(list, ",")
}

// cacheControl lets bytes named by their digest be kept for good. Shared caches
// may keep them only where everyone may have them.
func cacheControl(immutable, public bool) string {
	switch {
	case !immutable:
		return "no-cache"
	case public:
		return "public, max-age=31536000, immutable"
	}
	return "private, max-age=31536000, immutable"
}

func isDigest(ref string) bool { return strings.HasPrefix(ref, "sha256:") }

// lateWriter holds the header back until the first byte of the body is there, so
// that content that cannot be opened still becomes a proper problem.
type lateWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

func (w *lateWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *lateWriter) Write(p []byte) (int, error) {
	if w.status >= 400 {
		return len(p), nil // net/http's own text; a problem follows
	}
	if !w.sent {
		w.send()
	}
	return w.ResponseWriter.Write(p)
}

func (w *lateWriter) send() {
	w.sent = true
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.ResponseWriter.WriteHeader(w.status)
}
