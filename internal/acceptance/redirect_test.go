package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/testenv"
)

// redirecting is the backend in a bucket to which clients are sent, by another name of the host than the server's.
func redirecting(t *testing.T) (b backend, s3 testenv.Endpoint, bucket string) {
	t.Helper()
	b, s3, bucket = inBucket(t)
	b.env = append(b.env, "REGISTRY_STORAGE_S3_REDIRECT=true", "REGISTRY_STORAGE_S3_REDIRECTENDPOINT="+byName(t, s3.URL))
	return b, s3, bucket
}

// byName is the URL of a server on 127.0.0.1 by the name localhost: clients send passwords to the address they were given for.
func byName(t *testing.T, address string) string {
	t.Helper()
	if !strings.Contains(address, "127.0.0.1") {
		testenv.Missing(t, "an S3 server on 127.0.0.1", fmt.Errorf("%s has no second name", address))
	}
	return strings.Replace(address, "127.0.0.1", "localhost", 1)
}

// curl runs curl as the administrator, in a folder, and returns what it printed.
func curl(t *testing.T, dir string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		testenv.Missing(t, "curl", err)
	}
	cmd := exec.Command(path, append([]string{"-sS", "-u", "admin:" + password}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// logs waits until the server has logged a text: its output comes through a pipe.
func (s *server) logs(text string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("no %q in the log after a minute:\n%s", text, s.log)
		}
	}
}

// held reads a file of a folder and holds it against a digest.
func held(t *testing.T, digest, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || "sha256:"+sum(data) != digest {
		t.Errorf("%s: %d bytes with another digest, %v", filepath.Base(path), len(data), err)
	}
}

// TestRedirect fetches from a registry that sends its clients to the bucket, with the clients that people have.
func TestRedirect(t *testing.T) {
	b, s3, bucket := redirecting(t)
	s := start(t, b)
	dir := t.TempDir()
	a, tarred := made(t, "alpha", "1.0.0", strings.Repeat("salt ", 10_000)), made(t, "beta", "1.0.0", "pepper")
	if status := s.curlUpload(t, a); status != 201 {
		t.Fatal(status)
	}
	layer := tarred.tarball(t, tarred.folder())
	pushed, _ := s.orasPush(tarred.repo("default"), "1.0.0", "beta-1.0.0.tar.gz", layer)
	pushed.must(t, 201, "push of beta")

	t.Run("curl", func(t *testing.T) {
		at := s.url + a.path() + "/archive"
		how := curl(t, dir, "-LOJ", "-w", "%{num_redirects} %{http_code} %{content_type}", at)
		if !strings.HasSuffix(how, "1 200 application/zip") {
			t.Errorf("it says %q", how)
		}
		held(t, a.digest, filepath.Join(dir, "alpha-1.0.0.zip")) // the name is Content-Disposition's
		if got := curl(t, dir, "-L", "-r", "100-199", at); got != string(a.data[100:200]) {
			t.Errorf("a range is %d bytes", len(got))
		}
		if got := curl(t, dir, "-w", "%{http_code}", at); !strings.HasSuffix(got, "\n307") || !strings.Contains(got, "curl -L") {
			t.Errorf("without -L: %q", got)
		}
		// The way through the server stays open: a condition that always holds.
		curl(t, dir, "-H", "If-Match: *", "-o", "through.zip", at)
		held(t, a.digest, filepath.Join(dir, "through.zip"))
		if got := curl(t, dir, "-I", "-w", "%{http_code}", at); !strings.HasSuffix(got, "200") || strings.Contains(got, "ocation:") {
			t.Errorf("HEAD: %s", got)
		}
	})

	t.Run("a client written in Go", func(t *testing.T) {
		_, m, got := s.orasPull(tarred.repo("default"), "1.0.0")
		if !bytes.Equal(got, layer) || m.Layers[0].Digest != "sha256:"+sum(layer) {
			t.Errorf("%d bytes", len(got))
		}
		blob := s.v2(http.MethodGet, tarred.repo("default")+"/blobs/"+m.Layers[0].Digest, nil, "Range", "bytes=10-19").must(t, 206, "a range")
		if !bytes.Equal(blob.body, layer[10:20]) {
			t.Errorf("a range is %q", blob.body)
		}
	})

	t.Run("oras", func(t *testing.T) {
		c := newClient(t, s, "oras")
		c.run("pull", "--plain-http", strings.TrimPrefix(s.url, "http://")+"/"+tarred.repo("default")+":1.0.0")
		if !bytes.Equal(c.read("beta-1.0.0.tar.gz"), layer) {
			t.Error("oras pulled other bytes than were pushed")
		}
	})

	t.Run("crane", func(t *testing.T) {
		c := newClient(t, s, "crane")
		host := strings.TrimPrefix(s.url, "http://")
		c.write("layer.tar", tarOf(t, "hello.txt", "hello"))
		c.run("append", "--insecure", "--oci-empty-base", "-f", "layer.tar", "-t", host+"/apps/hello:v1")
		c.run("validate", "--insecure", "--remote", host+"/apps/hello:v1")
	})

	t.Run("the legacy face", func(t *testing.T) {
		logo := s.v2(http.MethodGet, "/v1/alpha/blobs/sha256:"+sum([]byte(packtest.Logo(16, 16)))+"?type=image/png", nil).must(t, 200, "logo")
		if logo.header.Get("ETag") == "" || logo.header.Get("Content-Type") != "image/png" {
			t.Errorf("headers %v", logo.header)
		}
	})

	t.Run("what is lost", func(t *testing.T) {
		hex := strings.TrimPrefix(a.digest, "sha256:")
		if err := testenv.RemoveObject(t.Context(), s3, bucket, "blobs/sha256/"+hex[:2]+"/"+hex); err != nil {
			t.Fatal(err)
		}
		got := s.v2(http.MethodGet, a.path()+"/archive", nil).must(t, 500, "a lost archive")
		if !strings.Contains(string(got.body), `"code":"corrupt"`) || strings.Contains(string(got.body), "<Error>") {
			t.Errorf("%s", got.body)
		}
		s.v2(http.MethodDelete, a.path(), nil).must(t, 204, "deletion")
		s.v2(http.MethodGet, a.path()+"/archive", nil).must(t, 404, "a deleted version")
	})

	s.logs(`"status":307`)
	if log := s.log.String(); strings.Contains(log, "X-Amz-") || strings.Contains(log, s3.SecretKey) {
		t.Errorf("the log:\n%s", log)
	}
}

// TestNoRedirectByDefault: in the same bucket, everything comes through the server.
func TestNoRedirectByDefault(t *testing.T) {
	b, _, _ := inBucket(t)
	s := start(t, b)
	a := made(t, "alpha", "1.0.0", "")
	if status := s.curlUpload(t, a); status != 201 {
		t.Fatal(status)
	}
	if got := curl(t, t.TempDir(), "-o", "alpha.zip", "-w", "%{num_redirects} %{http_code}", "-L", s.url+a.path()+"/archive"); got != "0 200" {
		t.Errorf("it says %q", got)
	}
}

// TestRedirectOnOneHost is what everybody tries first: registry and store on the same host. Clients that would send the
// password to the store get the bytes from the server.
func TestRedirectOnOneHost(t *testing.T) {
	b, _, _ := inBucket(t)
	b.env = append(b.env, "REGISTRY_STORAGE_S3_REDIRECT=true")
	s := start(t, b)
	a := made(t, "alpha", "1.0.0", "")
	if status := s.curlUpload(t, a); status != 201 {
		t.Fatal(status)
	}
	if got := s.v2(http.MethodGet, a.path()+"/archive", nil).must(t, 200, "archive"); "sha256:"+sum(got.body) != a.digest {
		t.Errorf("%d bytes", len(got.body))
	}
	s.logs("give the store another host name")
}
