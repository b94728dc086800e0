// Package doctor examines a registry from outside, over the address that an administrator
// is going to type into Palette, the way Palette would use it (palette-contract 1.6 to 1.8, 3, 4.2), and says
// for each finding what mends it. It knows nothing of the server but its protocols.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Options say what to examine.
type Options struct {
	// Address is what the administrator types: https://host[:port][/prefix]; without a scheme https is meant.
	Address string
	// User and Password are those Palette will have; without them the examination ends at the challenge.
	User, Password string
	// CA is PEM; nil means the system's authorities.
	CA []byte
	// Proxies are the environment's proxy variables. The examination itself never uses a proxy.
	Proxies Proxies
	Now     func() time.Time
}

// Proxies are what programs on this machine read from the environment.
type Proxies struct{ HTTP, HTTPS, No string }

// Status is how a check ended.
type Status string

// Only a failed check makes the whole fail. Skipped ones could not be made; a warning works today.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Check is one thing that was looked at. Mend is set for Warning and Failed.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// Report is the whole examination.
type Report struct {
	Address string  `json:"address"`
	Healthy bool    `json:"healthy"`
	Checks  []Check `json:"checks"`
	// Forms are the values for Palette, of each kind of registry that answers here.
	Forms []Form `json:"palette"`
}

// Count tells how many checks ended so.
func (r *Report) Count(s Status) int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// exam is one examination.
type exam struct {
	o      Options
	base   *url.URL // scheme, host with port, prefix without a final slash
	port   string
	ips    []string       // what the host resolves to
	roots  *x509.CertPool // nil: the system's
	report *Report

	secure   bool // the address is https
	asked    bool // the server asked for a client certificate
	trusted  bool // the certificate holds for the address
	sent     []*x509.Certificate
	verified []*x509.Certificate // from the server's up to the root
	client   *http.Client

	legacy, oci bool     // which faces answer
	namespaces  []string // base content paths that hold packs
	manifests   []string // base content paths that hold platform manifests

	stores     []string            // hosts that downloads are redirected to
	storeRoots []*x509.Certificate // of the certificates there
}

// Examine makes all checks that can be made. Its error is for options that make no sense; everything else is in the report.
func Examine(ctx context.Context, o Options) (*Report, error) {
	e := &exam{o: o, report: &Report{Checks: []Check{}, Forms: []Form{}}}
	if err := e.parse(); err != nil {
		return nil, err
	}
	if o.CA != nil {
		e.roots = x509.NewCertPool()
		if !e.roots.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the CA file holds no PEM certificate")
		}
	}
	e.report.Address = e.base.String()
	if e.resolve(ctx) && e.connect(ctx) && e.examineTLS(ctx) {
		e.client = e.newClient(e.trusted)
		defer e.client.CloseIdleConnections()
		e.examineFaces(ctx)
	}
	e.report.Healthy = e.report.Count(Failed) == 0
	e.report.Forms = e.forms()
	return e.report, nil
}

// newClient follows no redirects, for Palette's readiness to do so is not known but for blobs (see follow), and uses no proxy.
func (e *exam) newClient(verify bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			// Where the certificate does not hold, no credentials are sent: see get.
			TLSClientConfig:   &tls.Config{RootCAs: e.roots, InsecureSkipVerify: !verify}, //nolint:gosec // see above
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (e *exam) add(name string, s Status, detail, mend string) {
	e.report.Checks = append(e.report.Checks, Check{Name: name, Status: s, Detail: detail, Mend: mend})
}

func (e *exam) ok(name, detail string)         { e.add(name, OK, detail, "") }
func (e *exam) warn(name, detail, mend string) { e.add(name, Warning, detail, mend) }
func (e *exam) fail(name, detail, mend string) { e.add(name, Failed, detail, mend) }
func (e *exam) skip(name, detail string)       { e.add(name, Skipped, detail, "") }
