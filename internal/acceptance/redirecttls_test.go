package acceptance

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/testenv"
)

// storeOverTLS is a way to the bucket by TLS, and by the name localhost; it counts what is asked for.
type storeOverTLS struct {
	url string

	mu        sync.Mutex
	blobs     int // objects fetched
	passwords int
}

func newStoreOverTLS(t *testing.T, s3 testenv.Endpoint, made *certs.Result) *storeOverTLS {
	t.Helper()
	to, err := url.Parse(s3.URL)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(made.Path(certs.CertFile), made.Path(certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	o := &storeOverTLS{}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // which is signed
	}}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		if strings.Contains(r.URL.Path, "/blobs/sha256/") {
			o.blobs++
		}
		if r.Header.Get("Authorization") != "" {
			o.passwords++
		}
		o.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // one client refuses its certificate
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	front.StartTLS()
	t.Cleanup(front.Close)
	o.url = strings.Replace(front.URL, "127.0.0.1", "localhost", 1)
	return o
}

func (o *storeOverTLS) count() (blobs, passwords int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.blobs, o.passwords
}

// TestRedirectByTLS: Palette, the doctor and spectro read a registry that redirects, with one authority for it and for its store.
func TestRedirectByTLS(t *testing.T) {
	b, s3, _ := inBucket(t)
	c := newPaletteTown(t, b)
	store := newStoreOverTLS(t, s3, c.made)
	c.env = append(c.env, "REGISTRY_STORAGE_S3_REDIRECT=true", "REGISTRY_STORAGE_S3_REDIRECTENDPOINT="+store.url)
	s := c.start()
	c.front.lead(strings.TrimPrefix(s.url, "https://"))
	c.connected(s)

	a := made(t, "alpha", "1.0.0", "salt")
	path := filepath.Join(c.dir, "alpha-1.0.0.tar.gz")
	if err := os.WriteFile(path, a.tarball(t, a.folder()), 0o600); err != nil {
		t.Fatal(err)
	}
	c.push(s, "60s", path).want(t, 0, `alpha:1\.0\.0 is shown by mine`)
	byPalette, _ := store.count()

	env := []string{"SPECTRO_REGISTRY_SERVER=" + s.url, "SPECTRO_USERNAME=admin", "SPECTRO_PASSWORD=" + password}
	for i, args := range [][]string{{"alpha", "zip"}, {"alpha", "tar", "--archive", "--archive-format", "tar.gz"}} {
		c.run(env, c.bin, append([]string{"pack", "pull"}, args...)...).want(t, 0)
		if blobs, _ := store.count(); blobs != byPalette+i+1 {
			t.Errorf("after pull %d the store was asked for %d blobs, and for %d by Palette", i+1, blobs, byPalette)
		}
	}
	held(t, "sha256:"+sum(a.tarball(t, a.folder())), filepath.Join(c.dir, "tar", "alpha-1.0.0.tar.gz"))

	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	report := c.run([]string{"REGISTRY_DOCTOR_PASSWORD=" + password}, bin, "doctor", s.url, "--user", "admin", "--ca", c.made.Path(certs.CAFile))
	from := "from the store at " + strings.TrimPrefix(store.url, "https://")
	report.want(t, 0, "ok +REST pack .*"+from, "ok +OCI pack .*"+from, "Packs come from localhost:")

	if blobs, passwords := store.count(); byPalette == 0 || passwords > 0 {
		t.Errorf("the store was asked for %d blobs, %d of them by Palette, and given %d passwords", blobs, byPalette, passwords)
	}
	for _, text := range []string{s.log.String(), report.out} {
		if strings.Contains(text, "X-Amz-") {
			t.Errorf("an address is told:\n%s", text)
		}
	}

	// A store of another authority: spectro says whose certificate it is, and what to do.
	elsewhere, err := certs.Make(certs.Options{Dir: filepath.Join(c.dir, "elsewhere"), Names: []string{"localhost"}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	other := newStoreOverTLS(t, s3, elsewhere)
	c.env = append(slices.Clone(c.env), "REGISTRY_STORAGE_S3_REDIRECTENDPOINT="+other.url)
	s.kill()
	s = c.start()
	c.front.lead(strings.TrimPrefix(s.url, "https://"))
	env[0] = "SPECTRO_REGISTRY_SERVER=https://" + c.front.Addr().String()
	c.trust(c.front.Addr().String())
	c.run(env, c.bin, "pack", "pull", "alpha", "untrusted").want(t, 9,
		fmt.Sprintf("it redirects downloads to its store at %s, and there: its certificate is not trusted .*add its CA certificate to .*ca.crt", strings.TrimPrefix(other.url, "https://")))
	if blobs, _ := other.count(); blobs > 0 {
		t.Error("a store that is not trusted was asked")
	}
}
