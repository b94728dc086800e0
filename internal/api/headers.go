package api

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// fixedHeader is a configured header, its name as net/http writes it. Answers share
// the values: there is no room behind them, so that adding one copies them.
type fixedHeader struct {
	name   string
	values []string
}

// headers is what answers bear besides their own.
type headers struct {
	every []fixedHeader // on every answer; handlers may change it or add to it
	page  []fixedHeader // what only concerns a page that is shown
	now   func() time.Time
	date  atomic.Pointer[date] // the last one
}

// date is a Date header, made once a second: net/http makes it for each answer.
type date struct {
	second int64 // Unix time
	values []string
}

// configure takes the configured headers.
func (s *headers) configure(configured http.Header, now func() time.Time) {
	s.now = now
	for name, values := range configured {
		h := fixedHeader{http.CanonicalHeaderKey(name), slices.Clip(slices.Clone(values))}
		switch h.name {
		case "Content-Security-Policy", "Referrer-Policy", "X-Frame-Options", "X-Xss-Protection":
			s.page = append(s.page, h)
		default:
			s.every = append(s.every, h)
		}
	}
}

// before sets what stands before a handler says something.
func (s *headers) before(header http.Header) {
	for _, h := range s.every {
		header[h.name] = h.values
	}
}

// last adds what nobody has said by the time an answer begins. A 304 has nothing of a page, and the one that the client kept has its
// own (RFC 9110 15.4.5): so a poll stays small.
func (s *headers) last(header http.Header, status int) {
	if status != http.StatusNotModified {
		for _, h := range s.page {
			if _, said := header[h.name]; !said {
				header[h.name] = h.values
			}
		}
	}
	if _, said := header["Date"]; !said {
		header["Date"] = s.dateAt(s.now())
	}
}

// dateAt is the Date header at a time (RFC 9110 5.6.7).
func (s *headers) dateAt(t time.Time) []string {
	second := t.Unix()
	last := s.date.Load()
	if last == nil || last.second != second {
		last = &date{second, []string{t.UTC().Format(http.TimeFormat)}}
		s.date.Store(last)
	}
	return last.values
}
