// Package palettetest is a fake of Spectro Cloud Palette's management API, as far as it deals with pack
// registries, for tests and for trying things out. It is written from the collected facts about Palette (the
// "contract") and not from our client, so that the two do not share their mistakes.
//
// It is strict: it refuses what the vendor's swagger does not have (unknown fields, missing ones, wrong enums,
// wrong content types, no login), also where the real Palette may let it pass. On a sync it really reads the registry
// at the entry's address, with an OCI client of its own, the way contract 3.4 describes, and shows only packs that are as
// contract 3.1 to 3.3 wants them. Where the contract knows nothing, it takes what is worst for a
// registry: it reads no further pages, and a trigger during a run is lost.
//
// The codes of its errors are made up: the vendor's are not public. So are parent tags, presets and schema of packs: it shows none.
package palettetest

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say who may log in, and how it is.
type Options struct {
	APIKey string          // of a tenant; "" accepts none
	Users  map[string]User // of the tenant, by email address
	System map[string]User // of the system console, by name
	// Rate is how many requests a second it answers from one address, with 5 more in a row; 0 is 10, as Palette (contract 4),
	// negative is no limit.
	Rate int
	// Roots are authorities that it trusts beside those given with an entry; nil is the system's.
	Roots *x509.CertPool
	Now   func() time.Time // nil is time.Now
	Log   *slog.Logger     // nil is none
}

// User is an account with a password.
type User struct {
	Password string
	MFA      bool // wants a second factor
}

// Request is one that came in.
type Request struct{ Method, Path, Query string }

// Palette is the fake. It is an http.Handler, for httptest.NewTLSServer as for a real listener. Safe for concurrent use.
type Palette struct {
	o    Options
	mux  *http.ServeMux
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	runs sync.WaitGroup

	mu       sync.Mutex
	faults   Faults
	tokens   map[string]session
	entries  map[string]*entry // by UID
	requests []Request
	recent   map[string][]time.Time // by address
	counter  int
}

// New makes one without entries.
func New(o Options) *Palette {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rate == 0 {
		o.Rate = 10
	}
	p := &Palette{o: o, mux: http.NewServeMux(), tokens: map[string]session{}, entries: map[string]*entry{}, recent: map[string][]time.Time{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.route()
	return p
}

// Close ends syncs and answers that hang, and waits for the syncs.
func (p *Palette) Close() {
	p.stop()
	p.runs.Wait()
}

// Requests are those that came in until now.
func (p *Palette) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.requests...)
}

// route has every path of contract 4.1 for the legacy kind and for OCI basic.
func (p *Palette) route() {
	on := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				p.fail(w, err)
			}
		})
	}
	on("POST /v1/auth/authenticate", p.authenticate)
	on("POST /v1/auth/syslogin", p.syslogin)
	for _, k := range []kind{legacyKind, ociKind} {
		all, one := "/v1/registries/pack", "/v1/registries/pack/{uid}"
		if k == ociKind {
			all, one = "/v1/registries/oci/basic", "/v1/registries/oci/{uid}/basic"
		}
		on("POST "+all, p.of(k, p.create))
		on("POST "+all+"/validate", p.of(k, p.validate))
		on("GET "+one, p.of(k, p.read))
		on("PUT "+one, p.of(k, p.update))
		on("DELETE "+one, p.of(k, p.remove))
		on("POST "+one+"/sync", p.of(k, p.trigger))
		on("GET "+one+"/sync/status", p.of(k, p.status))
	}
	on("GET /v1/registries/pack/summary", p.listLegacy)
	on("GET /v1/registries/oci/summary", p.listOCI)
	on("GET /v1/packs/{name}/registries/{uid}", p.showPack)
	on("POST /-/faults", p.controlFaults)
	on("POST /-/fetch", p.controlFetch)
	on("GET /-/registries", p.controlRegistries)
}

// ServeHTTP answers as Palette does.
func (p *Palette) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery})
	p.mu.Unlock()
	p.o.Log.Info("request", "method", r.Method, "path", r.URL.Path)
	if !strings.HasPrefix(r.URL.Path, "/-/") {
		if err := p.limit(r); err != nil {
			p.fail(w, err)
			return
		}
		if p.misbehave(w, r) {
			return
		}
	}
	p.carryOut(w, r)
}

// carryOut answers a request as if no faults were set.
func (p *Palette) carryOut(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/auth/") {
		who, err := p.who(r)
		if err != nil {
			p.fail(w, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	}
	h, pattern := p.mux.Handler(r)
	if pattern == "" {
		p.fail(w, noRoute(h, r))
		return
	}
	p.mux.ServeHTTP(w, r)
}

// noRoute tells a wrong method from a wrong path, in Palette's form.
func noRoute(h http.Handler, r *http.Request) error {
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		return &refusal{status: probe.status, code: "MethodNotAllowed", message: "allowed is " + probe.header.Get("Allow")}
	}
	return notFound("Resource not found")
}

// probe takes an answer in and keeps only its head.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// limit refuses who asks too much.
func (p *Palette) limit(r *http.Request) error {
	if p.o.Rate < 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	kept := p.recent[host][:0]
	for _, at := range p.recent[host] {
		if now.Sub(at) < time.Second {
			kept = append(kept, at)
		}
	}
	p.recent[host] = kept
	if len(kept) >= p.o.Rate+5 {
		return &refusal{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Too many requests", retryAfter: 1}
	}
	p.recent[host] = append(kept, now)
	return nil
}

// newUID has the form of the vendor's. The caller holds mu.
func (p *Palette) newUID() string {
	p.counter++
	return fmt.Sprintf("6560%020x", p.counter)
}
