package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// storeError is what goes wrong at the store that downloads are redirected to.
type storeError struct {
	host   string
	detail string
	mend   string
}

func (e *storeError) Error() string { return e.detail }

const (
	reachMend = "Palette and its clusters follow there: open the way for them as for the registry, or set storage.s3.redirect to false"
	nameMend  = "give it an address of its own (storage.s3.redirectendpoint), or set storage.s3.redirect to false"
	trustMend = "examine with a --ca file that holds its authority too, and upload that in Palette; or set storage.s3.redirect to false"
)

// follow fetches what the server redirects to, as Palette is taken to do for blobs (palette-contract 3.4): without the credentials,
// and from nobody whose certificate does not hold.
func (e *exam) follow(ctx context.Context, from *http.Response) (*http.Response, error) {
	from.Body.Close()
	to, err := from.Location()
	if err != nil {
		return nil, &storeError{"?", "the address cannot be read", nameMend}
	}
	fail := func(detail, mend string) (*http.Response, error) {
		return nil, &storeError{to.Host, detail, mend}
	}
	switch host, own := strings.ToLower(to.Hostname()), strings.ToLower(e.base.Hostname()); {
	case e.secure && to.Scheme != "https":
		return fail("it is plain HTTP: clients leave HTTPS for nothing", nameMend)
	case host == own || strings.HasSuffix(host, "."+own):
		return fail("it is the registry's own host name, or one below it: many clients send the password along, which S3 refuses", nameMend)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return fail("the address cannot be asked", nameMend)
	}
	req.Header.Set("User-Agent", "registry-doctor")
	req.Header.Set("Accept-Encoding", "identity")
	req.Close = true
	res, err := e.newClient(true).Do(req)
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return fail("its certificate does not hold: "+strings.TrimPrefix(certificate.Err.Error(), "x509: "), trustMend)
	case err != nil:
		return fail(reason(err), reachMend)
	case res.StatusCode != http.StatusOK:
		res.Body.Close()
		return fail("it answers "+res.Status, "see whether the clocks of server and store are right, and the server's log; or set storage.s3.redirect to false")
	}
	e.stores = append(e.stores, to.Host)
	if res.TLS != nil && len(res.TLS.VerifiedChains) > 0 {
		chain := res.TLS.VerifiedChains[0]
		e.storeRoots = append(e.storeRoots, chain[len(chain)-1])
	}
	return res, nil
}

// withStores is the chain with the authorities of the stores at its end.
func (e *exam) withStores(chain []*x509.Certificate) []*x509.Certificate {
	for _, c := range e.storeRoots {
		if !slices.ContainsFunc(chain, c.Equal) {
			chain = append(chain, c)
		}
	}
	return chain
}

// storeAdvice is what to know of the stores when Palette's form is filled in.
func (e *exam) storeAdvice() []string {
	if len(e.stores) == 0 {
		return nil
	}
	return []string{"Packs come from " + strings.Join(sorted(e.stores), ", ") + ", where the registry redirects to: Palette and its clusters must reach that too, and trust its certificate by the same upload."}
}

// place is the address of a redirect without what is secret in it.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "an address that cannot be read"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
