package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Differences of clocks. Below the first nobody notices.
const (
	skewNoticed = 30 * time.Second
	skewBroken  = 5 * time.Minute
)

// examineFaces asks over HTTP.
func (e *exam) examineFaces(ctx context.Context) {
	if !e.examineHealth(ctx) {
		return
	}
	e.legacy = e.examineChallenge(ctx, "challenge /v1", "/v1/")
	e.examineOCIChallenge(ctx)
	switch {
	case e.o.User == "":
		e.skip("login", "no --user was given, so nothing behind the login was looked at")
		return
	case !e.mayLogin():
		e.skip("login", "the password was not sent to a server whose certificate does not hold")
		return
	case !e.examineLogin(ctx):
		return
	}
	e.examineLegacy(ctx)
	e.examineREST(ctx)
	if e.oci {
		e.examineOCI(ctx)
	}
}

// examineHealth asks whether it is such a server at all, and what time it has.
func (e *exam) examineHealth(ctx context.Context) bool {
	r, err := e.get(ctx, request{path: "/health"})
	if err != nil {
		if e.asked {
			e.fail("health", clientCertificate, clientCertificateMend)
			return false
		}
		e.fail("health", "/health: "+reason(err), "see the server's log; a proxy in front must pass requests on")
		return false
	}
	var health struct{ Status string }
	switch decoded := json.Unmarshal(r.body, &health); {
	case r.status == http.StatusBadRequest && strings.Contains(string(r.body), "HTTPS server"):
		e.fail("health", "the server speaks HTTPS on this port", "type https://")
		return false
	case r.status >= 300 && r.status < 400:
		e.fail("health", "/health answers "+r.describe(), "type the address that it leads to")
		return false
	case r.status == http.StatusNotFound:
		e.fail("health", "/health is not there: something else answers at this address, or the server lives under a prefix", "type the server's address with its prefix (http.prefix)")
		return false
	case r.status != http.StatusOK || decoded != nil || health.Status != "UP":
		e.fail("health", "/health answers "+r.describe(), "something else answers at this address, or the proxy in front cannot reach the server")
		return false
	}
	e.ok("health", fmt.Sprintf("alive, answers in %d ms", r.took.Milliseconds()))
	e.examineClock(r)
	return true
}

// examineClock compares clocks; Date has whole seconds, and the answer took a while.
func (e *exam) examineClock(r *reply) {
	theirs, err := http.ParseTime(r.header.Get("Date"))
	if err != nil {
		e.warn("clock", "the server does not tell its time (no Date header)", "see whether a proxy in front takes it away")
		return
	}
	var apart time.Duration
	switch first, last := r.sent.Truncate(time.Second), r.sent.Add(r.took); {
	case theirs.Before(first):
		apart = first.Sub(theirs)
	case theirs.After(last):
		apart = theirs.Sub(last)
	}
	text := fmt.Sprintf("the clocks are %s apart", apart.Round(time.Second))
	switch mend := "let both machines follow a time server (chrony, systemd-timesyncd): certificates and sync times depend on it"; {
	case apart > skewBroken:
		e.fail("clock", text, mend)
	case apart > skewNoticed:
		e.warn("clock", text, mend)
	default:
		e.ok("clock", text)
	}
}

// examineChallenge wants a Basic challenge for a request without credentials: Palette
// reads packs with Basic authentication only (palette-contract 3.5).
func (e *exam) examineChallenge(ctx context.Context, name, path string) bool {
	r, err := e.get(ctx, request{path: path})
	if err != nil {
		e.fail(name, path+": "+reason(err), "see the server's log")
		return false
	}
	challenge := r.header.Get("WWW-Authenticate")
	switch {
	case r.status == http.StatusUnauthorized && len(challenge) >= 6 && strings.EqualFold(challenge[:6], "basic "):
		e.ok(name, challenge)
		return true
	case r.status == http.StatusOK:
		e.warn(name, path+" answers without a password", "everyone may read: set auth.anonymous to none or logos; Palette logs in to pack registries")
		return true
	case r.status == http.StatusUnauthorized:
		e.fail(name, fmt.Sprintf("%s answers 401 with the challenge %q, not Basic", path, challenge), "see whether a proxy in front asks for a login of its own")
	default:
		e.fail(name, path+" answers "+r.describe(), "type the server's address with its prefix (http.prefix), and see whether a proxy in front passes "+path+" on")
	}
	return false
}

// examineOCIChallenge does the same for /v2, where it is.
func (e *exam) examineOCIChallenge(ctx context.Context) {
	r, err := e.get(ctx, request{path: "/v2/"})
	if err == nil && r.status == http.StatusNotFound {
		e.skip("challenge /v2", "/v2/ is not there: no OCI registry at this address")
		return
	}
	e.oci = e.examineChallenge(ctx, "challenge /v2", "/v2/")
}

func (e *exam) examineLogin(ctx context.Context) bool {
	r, err := e.get(ctx, request{path: "/v1/", login: true})
	switch {
	case err != nil:
		e.fail("login", reason(err), "see the server's log")
	case r.status == http.StatusOK:
		e.ok("login", "as "+e.o.User)
		return true
	case r.status == http.StatusUnauthorized:
		e.fail("login", "the server does not take the password of "+e.o.User, "see registry admin user list, and registry admin user passwd "+e.o.User)
	case r.status == http.StatusTooManyRequests:
		e.fail("login", "too many failed logins from here: "+r.describe(), "wait a minute, and see who tries with an old password")
	default:
		e.fail("login", "/v1/ answers "+r.describe(), "see the server's log")
	}
	return false
}

// examineLegacy reads the legacy catalogue.
func (e *exam) examineLegacy(ctx context.Context) {
	var catalogue struct{ Repositories []string }
	if _, wrong := e.document(ctx, "/v1/_catalog", "", &catalogue); wrong != "" {
		e.fail("legacy catalogue", wrong, "see the server's log")
		return
	}
	if len(catalogue.Repositories) == 0 {
		e.warn("legacy catalogue", "it is empty: the legacy kind shows the packs of the namespace default", "upload a pack")
		return
	}
	e.ok("legacy catalogue", count(len(catalogue.Repositories), "pack"))
}

// version is what the examination needs of a version document.
type version struct {
	Namespace, Name, Version, Digest string
	Size                             int64
}

// examineREST finds a pack and reads it whole, and its logo as Palette's pages would.
func (e *exam) examineREST(ctx context.Context) {
	var found struct{ Items []version }
	if _, wrong := e.document(ctx, "/api/v1/packs?namespace=*&sort=name&limit=1", "", &found); wrong != "" {
		e.fail("REST search", wrong, "see the server's log")
		return
	}
	if len(found.Items) == 0 {
		e.warn("REST search", "it answers, and there is no pack", "upload one, then examine again")
		return
	}
	v := found.Items[0]
	e.ok("REST search", fmt.Sprintf("finds %s %s in %s", v.Name, v.Version, v.Namespace))
	at := "/api/v1/packs/" + escape(v.Name) + "/versions/" + escape(v.Version)
	ns := "?namespace=" + escape(v.Namespace)
	e.examineBytes(ctx, "REST pack", request{path: at + "/archive" + ns, follow: true}, v.Digest)
	e.examineLogo(ctx, v, at, ns)
}

// examineBytes reads content to its end and compares its digest with the one promised.
func (e *exam) examineBytes(ctx context.Context, name string, q request, digest string) {
	q.login, q.stream = true, true
	path := q.path
	r, err := e.get(ctx, q)
	var store *storeError
	switch {
	case errors.As(err, &store):
		e.fail(name, path+" redirects to the store at "+store.host+"; "+store.detail, store.mend)
	case err != nil:
		e.fail(name, reason(err), "see whether a proxy in front limits the size or the time of an answer")
	case r.status >= 300 && r.status < 400:
		e.fail(name, path+" answers "+r.describe(), "let the server answer itself")
	case r.status != http.StatusOK:
		e.fail(name, fmt.Sprintf("%s answers %d", path, r.status), "see the server's log, and run registry admin verify")
	case r.sum != digest && r.store != "":
		e.fail(name, fmt.Sprintf("%d bytes came from the store at %s whose digest is not %s", r.size, r.store, digest), "see whether a proxy in front of the store changes answers, and run registry admin verify")
	case r.sum != digest:
		e.fail(name, fmt.Sprintf("%d bytes came whose digest is not %s", r.size, digest), "see whether a proxy in front changes answers, and run registry admin verify")
	default:
		text := fmt.Sprintf("%d bytes in %d ms, digest %s", r.size, r.took.Milliseconds(), short(digest))
		if r.store != "" {
			text += ", from the store at " + r.store
		}
		e.ok(name, text)
	}
}

func (e *exam) examineLogo(ctx context.Context, v version, at, ns string) {
	var list struct {
		Files []struct{ Path, SHA256 string }
	}
	if _, wrong := e.document(ctx, at+"/files"+ns, "", &list); wrong != "" {
		e.fail("legacy logo", wrong, "see the server's log")
		return
	}
	for _, f := range list.Files {
		if f.Path != "logo.png" {
			continue
		}
		path := "/v1/" + escape(v.Name) + "/blobs/sha256:" + f.SHA256 + ns + "&type=image/png"
		e.examineBytes(ctx, "legacy logo", request{path: path}, "sha256:"+f.SHA256)
		if r, err := e.get(ctx, request{path: path, stream: true}); err == nil && r.status == http.StatusUnauthorized {
			e.ok("logo without login", "is refused; if Palette's pages lack the pictures, set auth.anonymous to logos")
		} else if err == nil && r.status == http.StatusOK {
			e.ok("logo without login", "is shown")
		}
		return
	}
	e.skip("legacy logo", v.Name+" has none")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short is a digest a person can compare.
func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] + "..." }
