package s3

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// redirecting is the configuration of a fresh bucket whose addresses are given out.
func redirecting(t testing.TB) Config {
	c := bucketConfig(t)
	c.Redirect = true
	return c
}

func TestLinker(t *testing.T) {
	storagetest.RunLinker(t, func(t *testing.T) (storage.Store, storage.Linker) {
		c := redirecting(t)
		c.RootDirectory = "/some/prefix/"
		s := open(t, c)
		return s, s.Linker()
	})
}

func TestNoLinkerUnlessWanted(t *testing.T) {
	if l := open(t, bucketConfig(t)).Linker(); l != nil {
		t.Error("addresses are given out by default")
	}
}

// putBlob puts a blob of a size and gives its digest.
func putBlob(t *testing.T, s *Store, size int) pack.Digest {
	t.Helper()
	data, d := storagetest.Blob(1, size)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestLinkEnds gives out addresses at several times: they hold 20 minutes.
func TestLinkEnds(t *testing.T) {
	s := open(t, redirecting(t))
	d := putBlob(t, s, 1000)
	for ago, status := range map[time.Duration]int{19 * time.Minute: http.StatusOK, 21 * time.Minute: http.StatusForbidden} {
		s.now = func() time.Time { return time.Now().Add(-ago) }
		address, err := s.Linker().Link(t.Context(), d, storage.LinkOptions{Size: 1000})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("after %v: %s", ago, resp.Status)
		}
	}
}

// TestRedirectEndpoint: clients reach the bucket under another name than this server does. The name is part of what is signed.
func TestRedirectEndpoint(t *testing.T) {
	c := redirecting(t)
	inside, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	outside := "http://localhost:" + inside.Port()
	if inside.Hostname() == "localhost" {
		t.Fatal("the test needs two names of one server")
	}
	c.RedirectEndpoint = outside
	var elsewhere int
	s := open(t, through(t, c, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Host, "localhost") {
			elsewhere++
		}
		return false
	}))
	d := putBlob(t, s, 1000)
	address, err := s.Linker().Link(t.Context(), d, storage.LinkOptions{Size: 1000})
	if err != nil || !strings.HasPrefix(address, outside+"/"+c.Bucket+"/blobs/sha256/") {
		t.Fatalf("%q, %v", address, err)
	}
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || elsewhere > 0 {
		t.Errorf("%s; the server itself asked there %d times", resp.Status, elsewhere)
	}
}

// TestLinksAreMadeHere: giving out an address asks for the object's size and no more, and the address wants nothing of clients but a GET.
func TestLinksAreMadeHere(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "KEYOFTHECHAIN")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method)
		w.Header().Set("Content-Length", "1000")
	}))
	defer server.Close()
	no := false
	for name, c := range map[string]struct {
		cfg    Config
		prefix string
	}{
		"bucket in the path": {Config{}, server.URL + "/packs/blobs/"},
		"bucket in the host": {Config{RedirectEndpoint: "https://s3.example.com", ForcePathStyle: &no}, "https://packs.s3.example.com/blobs/"},
		"a place in between": {Config{RedirectEndpoint: "https://example.com/s3/"}, "https://example.com/s3/packs/blobs/"},
		"no scheme":          {Config{RedirectEndpoint: "s3.example.com:9000"}, "https://s3.example.com:9000/packs/blobs/"},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			c.cfg.Bucket, c.cfg.Endpoint, c.cfg.Redirect = "packs", server.URL, true
			s := open(t, c.cfg)
			if c.cfg.ForcePathStyle != nil { // no name of a host of this test leads to a bucket
				s.client = open(t, Config{Bucket: "packs", Endpoint: server.URL}).client
			}
			_, d := storagetest.Blob(1, 1000)
			linker := open(t, c.cfg).Linker().(*linker)
			linker.store = s
			address, err := linker.Link(t.Context(), d, storage.LinkOptions{Size: 1000, MediaType: "application/zip"})
			u, parsed := url.Parse(address)
			if err != nil || parsed != nil || !strings.HasPrefix(address, c.prefix) {
				t.Fatalf("%q, %v", address, err)
			}
			q := u.Query()
			if q.Get("X-Amz-SignedHeaders") != "host" || q.Get("X-Amz-Expires") != "1200" || !strings.HasPrefix(q.Get("X-Amz-Credential"), "KEYOFTHECHAIN/") ||
				q.Get("X-Amz-Security-Token") != "token" || q.Get("response-content-type") != "application/zip" || q.Has("response-content-disposition") {
				t.Errorf("%v", q)
			}
			if strings.Join(asked, " ") != http.MethodHead {
				t.Errorf("the server was asked %v", asked)
			}
		})
	}
}

// TestNoLinkWithoutCredentials: nothing can be signed, and that is told as for any other request.
func TestNoLinkWithoutCredentials(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000") }))
	defer server.Close()
	s := open(t, Config{Bucket: "packs", Endpoint: server.URL, AccessKey: "a", SecretKey: "s"})
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	without := open(t, Config{Bucket: "packs", Endpoint: server.URL, Redirect: true}).Linker().(*linker)
	without.store = s
	_, d := storagetest.Blob(1, 1000)
	if address, err := without.Link(t.Context(), d, storage.LinkOptions{Size: 1000}); !pack.IsKind(err, pack.KindUnavailable) || address != "" {
		t.Errorf("%q, %v", address, err)
	}
}
