package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"packregistry/internal/registry"
)

// redirect sends a client to where the store itself gives content out, and reports whether it did. With an error, or
// false, nothing was written.
func (s *server) redirect(w http.ResponseWriter, r *http.Request, content *registry.Content) (bool, error) {
	if content.Link == nil || !mayRedirect(r, content.Size) {
		return false, nil
	}
	h := w.Header()
	address, err := content.Link(r.Context(), h.Get("Content-Type"), h.Get("Content-Disposition"))
	if err != nil {
		return false, err
	}
	to, err := url.Parse(address)
	if err != nil {
		return false, errBadLink // the parser's own words would show the address
	}
	if r.Header.Get("Authorization") != "" && takesPassword(to.Hostname(), r.Host) {
		if s.toldOwnHost.CompareAndSwap(false, true) {
			s.cfg.Log.WarnContext(r.Context(), "downloads with a password are not redirected: many clients would send the password on to a store on the registry's own host, or below it; "+
				"give the store another host name (storage.s3.redirectendpoint)", "registry", r.Host, "store", to.Host)
		}
		return false, nil
	}
	callOf(r.Context()).transfer = noTransfer // not a byte of the content
	s.metrics.redirects.Inc()
	// ETag and Repr-Digest stay: they are of the content, and the store does not tell them.
	h.Del("Content-Disposition")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Location", address)
	w.WriteHeader(http.StatusTemporaryRedirect)
	w.Write([]byte(followMe))
	return true, nil
}

// followMe is for people whose client does not follow, and who would wonder about an empty file.
const followMe = "The content is in the registry's store: follow the redirect to get it (curl -L).\n"

// mayRedirect reports whether the store would answer a request as this server does. It knows nothing of our validators, so whatever has
// a condition stays here; and only of a range that is certain does every store give the same bytes.
func mayRedirect(r *http.Request, size int64) bool {
	if r.Method != http.MethodGet || isConditional(r) {
		return false
	}
	ranges, asked := r.Header["Range"]
	return !asked || len(ranges) == 1 && isOneRange(ranges[0], size)
}

// isOneRange reports whether a Range header names one range (RFC 9110 14.1.2) of which some bytes are there.
func isOneRange(header string, size int64) bool {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Trim(first+last, "0123456789") != "" {
		return false
	}
	if first == "" { // the last bytes
		n, err := strconv.ParseInt(last, 10, 64)
		return err == nil && n > 0 && size > 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from >= size || last == "" {
		return err == nil && from < size
	}
	to, err := strconv.ParseInt(last, 10, 64)
	return err == nil && to >= from
}

// takesPassword reports whether clients send a password that was meant for one host on to another, when they are redirected there: those
// written in Go do so for the same host on any port, and for all hosts below it.
func takesPassword(to, from string) bool {
	host := (&url.URL{Host: from}).Hostname()
	to, host = strings.ToLower(to), strings.ToLower(host)
	return to == host || strings.HasSuffix(to, "."+host)
}
