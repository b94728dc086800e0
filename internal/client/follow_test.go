package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack"
)

// secret stands in addresses of the store.
const secret = "X-Amz-Signature=0a1b2c"

// sender is a registry that redirects the archive of a text to an address; what has a condition it answers itself, as ours does.
func sender(text []byte, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			return
		}
		w.Header().Set("ETag", `"`+string(digestOf(text))+`"`)
		if r.Header.Get("If-Match") != "" {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// storeOf gives the text, as a store that has an ETag of its own.
func storeOf(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"an-md5-sum"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	}
}

// onLocalhost is an address of a server on 127.0.0.1 by its other name, with a secret in it.
func onLocalhost(url string) string {
	return strings.Replace(url, "127.0.0.1", "localhost", 1) + "/bucket/key?" + secret
}

// kept fails when an error tells the secret.
func kept(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the secret is told: %v", err)
	}
}

// TestFollow: the store is asked for the bytes, and told neither the password nor anything else of the registry.
func TestFollow(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	store, atStore := serve(t, false, storeOf(text))
	server, asked := serve(t, false, sender(text, onLocalhost(strings.Replace(store.URL, "http://", "http://user:word@", 1))))
	c, naps := newClient(t, Options{Server: server.URL, UserAgent: "spectro/1"})
	got, err := read(t, c, aVersion(text))
	if err != nil || !bytes.Equal(got, text) || len(naps.all) > 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	// Of a form alone only the registry says what the digest is.
	body, d, size, err := c.ArchiveAs(t.Context(), aVersion(text), "", pack.FormatTarGz)
	if whole, err := archiveOf(body, err); err != nil || whole != string(text) || d != digestOf(text) || size != int64(len(text)) {
		t.Errorf("%d bytes, %s, %d: %v", len(whole), d, size, err)
	}
	atStore.mu.Lock()
	defer atStore.mu.Unlock()
	for _, r := range atStore.list {
		names := ""
		for _, name := range []string{"Accept-Encoding", "User-Agent"} { // the two that it may know
			names += r.Header.Get(name) + " "
			r.Header.Del(name)
		}
		if r.Method != http.MethodGet || r.URL.RawQuery != secret || len(r.Header) > 0 || names != "identity spectro/1 " {
			t.Errorf("%s %s with %q and %v", r.Method, r.URL, names, r.Header)
		}
	}
	if len(atStore.list) != 2 || asked.count(withPassword) != 2 {
		t.Errorf("asked the store %d times, the registry %d times", len(atStore.list), asked.count(withPassword))
	}
}

// TestFollowedDownloadGoesOn: where the store breaks off the registry is asked for the rest, and where that redirects again, so is the store.
func TestFollowedDownloadGoesOn(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for name, again := range map[string]bool{"at the registry": false, "at the store": true} {
		t.Run(name, func(t *testing.T) {
			var cut atomic.Bool
			store, atStore := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				if !cut.Swap(true) {
					w = &cutting{ResponseWriter: w, left: 3000}
				}
				storeOf(text)(w, r)
			})
			server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				if again {
					r.Header.Del("If-Match")
				}
				sender(text, onLocalhost(store.URL))(w, r)
			})
			c, _ := newClient(t, Options{Server: server.URL})
			if got, err := read(t, c, aVersion(text)); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			rest := func(r *http.Request) bool { return r.Header.Get("Range") == "bytes=3000-" }
			if asked.count(rest) != 1 || (atStore.count(rest) == 1) != again || atStore.count(withPassword) > 0 {
				t.Errorf("the registry was asked %d times for the rest, the store %d times", asked.count(rest), atStore.count(rest))
			}
		})
	}
}

// TestNotFollowed lists redirects that are none of the registry's to its store.
func TestNotFollowed(t *testing.T) {
	text := []byte("archive")
	store, elsewhere := serve(t, false, storeOf(text))
	further, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, onLocalhost(store.URL), http.StatusFound)
	})
	status := func(status int, to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if isProbe(r) {
				return
			}
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}
	}
	archive := func(c *Client) error {
		body, err := c.Archive(t.Context(), aVersion(text))
		_, err = archiveOf(body, err)
		return err
	}
	file := func(c *Client) error {
		body, err := c.File(t.Context(), aVersion(text), "values.yaml")
		_, err = archiveOf(body, err)
		return err
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		ask    func(*Client) error
		says   string
	}{
		"a file":         {status(307, onLocalhost(store.URL)), file, "it redirects to http://localhost"},
		"another status": {status(302, onLocalhost(store.URL)), archive, "it redirects to http://localhost"},
		"no address":     {status(307, ""), archive, "cannot be read"},
		"not HTTP":       {status(307, "ftp://localhost/x?"+secret), archive, "not one of HTTP"},
		"no host":        {status(307, "http:///bucket/key?"+secret), archive, "not one of HTTP"},
		"a second one":   {status(307, onLocalhost(further.URL)), archive, "answered 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, false, c.answer)
			client, naps := newClient(t, Options{Server: server.URL})
			err := c.ask(client)
			if kindOfError(err) != "network" || !strings.Contains(err.Error(), c.says) || len(naps.all) > 0 {
				t.Errorf("%v, after %d waits", err, len(naps.all))
			}
			kept(t, err)
		})
	}
	if n := elsewhere.count(every); n > 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// TestFollowedBytesAreVerified: the registry's digest counts, whoever sent the bytes.
func TestFollowedBytesAreVerified(t *testing.T) {
	text := []byte("these are the bytes")
	for name, other := range map[string][]byte{"changed": []byte("THESE ARE THE BYTES"), "more": []byte("these are the bytes!"), "another page": []byte("<html>")} {
		store, _ := serve(t, false, storeOf(other))
		server, _ := serve(t, false, sender(text, onLocalhost(store.URL)))
		c, _ := newClient(t, Options{Server: server.URL, Attempts: 1})
		if _, err := read(t, c, aVersion(text)); !errors.As(err, new(*NetworkError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStoreThatRefuses: what S3 says is told in a few words, and asked again where that may help.
func TestStoreThatRefuses(t *testing.T) {
	text := []byte("archive")
	for name, c := range map[string]struct {
		status int
		code   string
		kind   string
		says   string
		waits  int
	}{
		"expired":      {403, "AccessDenied", "network", "it answered 403 Forbidden (AccessDenied); are the clocks", 0},
		"two logins":   {400, "InvalidArgument", "network", "it answered 400 Bad Request (InvalidArgument)", 0},
		"gone":         {404, "NoSuchKey", "network", "it answered 404 Not Found (NoSuchKey)", 3},
		"busy":         {503, "SlowDown", "unavailable", "it answered 503 Service Unavailable (SlowDown)", 3},
		"a proxy's":    {502, "", "unavailable", "it answered 502 Bad Gateway", 3},
		"rude":         {403, "\x1b[2J", "network", "it answered 403 Forbidden;", 0},
		"not modified": {304, "", "network", "it answered 304", 0},
	} {
		t.Run(name, func(t *testing.T) {
			store, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				if c.code != "" {
					fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Resource>/bucket/key</Resource></Error>", c.code)
				}
			})
			server, _ := serve(t, false, sender(text, onLocalhost(store.URL)))
			client, naps := newClient(t, Options{Server: server.URL})
			_, err := read(t, client, aVersion(text))
			where := "it redirects downloads to its store at " + strings.TrimPrefix(strings.Replace(store.URL, "127.0.0.1", "localhost", 1), "http://") + ", and there: "
			if kindOfError(err) != c.kind || !strings.Contains(err.Error(), where+c.says) || strings.Contains(err.Error(), "\x1b") || len(naps.all) != c.waits {
				t.Errorf("%s: %v, after %d waits", kindOfError(err), err, len(naps.all))
			}
			kept(t, err)
		})
	}
	t.Run("deleted meanwhile", func(t *testing.T) {
		var gone atomic.Bool
		store, _ := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
		server, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			if !isProbe(r) && gone.Swap(true) {
				problemOf(http.StatusNotFound, "version_not_found")(w, r)
				return
			}
			sender(text, onLocalhost(store.URL))(w, r)
		})
		c, _ := newClient(t, Options{Server: server.URL})
		if _, err := read(t, c, aVersion(text)); !pack.IsKind(err, pack.KindNotFound) {
			t.Error(err)
		}
	})
}

// TestStoreThatIsNotReached: who reads the error must see that it is not the registry that does not answer.
func TestStoreThatIsNotReached(t *testing.T) {
	text := []byte("archive")
	server, _ := serve(t, false, sender(text, "http://localhost:1/bucket/key?"+secret))
	c, naps := newClient(t, Options{Server: server.URL})
	_, err := read(t, c, aVersion(text))
	if kindOfError(err) != "network" || !strings.Contains(err.Error(), server.URL+": it redirects downloads to its store at localhost:1, and there: nobody listens there") || len(naps.all) != 3 {
		t.Errorf("%v, after %d waits", err, len(naps.all))
	}
	kept(t, err)
}

// TestFollowByTLS: one authority for both is enough; another one has to be added, and TLS is never left.
func TestFollowByTLS(t *testing.T) {
	text := []byte("archive")
	now := time.Now()
	ours, theirs := authority(t, now, "packs.test", "s3.test"), authority(t, now, "s3.test")
	plain, atPlain := serve(t, false, storeOf(text))
	for name, c := range map[string]struct {
		store  *certs.Result
		to     string
		wanted string // "" is success
	}{
		"of the same authority": {ours, "https://s3.test:9000", ""},
		"of another one":        {theirs, "https://s3.test:9000", "to its store at s3.test:9000, and there: its certificate is not trusted (x509: certificate signed by unknown authority"},
		"of another name":       {ours, "https://other.test:9000", "its certificate is not for other.test:9000"},
		"not TLS at all":        {nil, "https://s3.test:9000", "it does not speak TLS"},
		"plain":                 {nil, "http://s3.test:9000", "that is plain HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			at := plain.Listener.Addr().String()
			if c.store != nil {
				at = serveTLS(t, c.store, storeOf(text))
			}
			registry := serveTLS(t, ours, sender(text, c.to+"/bucket/key?"+secret))
			client, naps := newClient(t, Options{Server: "packs.test:5000", CAFiles: []string{ours.Path(certs.CAFile)}, CAHint: "the file"})
			route(client, map[string]string{"packs.test:5000": registry, "s3.test:9000": at, "other.test:9000": at})
			got, err := read(t, client, aVersion(text))
			if c.wanted == "" {
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			if kindOfError(err) != "network" || !strings.Contains(err.Error(), c.wanted) || len(naps.all) > 0 {
				t.Errorf("%v, after %d waits", err, len(naps.all))
			}
			if strings.Contains(c.wanted, "not trusted") && !strings.Contains(err.Error(), "add its CA certificate to the file, whose certificates are trusted for both") {
				t.Errorf("it does not say what to do: %v", err)
			}
			kept(t, err)
		})
	}
	if n := atPlain.count(every); n > 0 {
		t.Errorf("the store was asked in clear %d times", n)
	}
}
