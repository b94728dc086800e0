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

// fixedHeaders are what is configured: those of every answer, which handlers may change or add to, and those that only concern
// a page that is shown, which stand where a handler has not said something else.
func fixedHeaders(configured http.Header) (every, page []fixedHeader) {
	for name, values := range configured {
		h := fixedHeader{http.CanonicalHeaderKey(name), slices.Clip(slices.Clone(values))}
		switch h.name {
		case "Content-Security-Policy", "Referrer-Policy", "X-Frame-Options", "X-Xss-Protection":
			page = append(page, h)
		default:
			every = append(every, h)
		}
	}
	return every, page
}

// date is the Date header, made once a second: net/http makes it for each answer.
type date struct{ last atomic.Pointer[dateOf] }

type dateOf struct {
	second int64 // Unix time
	values []string
}

// at is the header's value at a time (RFC 9110 5.6.7).
func (d *date) at(t time.Time) []string {
	second := t.Unix()
	last := d.last.Load()
	if last == nil || last.second != second {
		last = &dateOf{second, []string{t.UTC().Format(http.TimeFormat)}}
		d.last.Store(last)
	}
	return last.values
}
