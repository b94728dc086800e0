package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/testenv"
)

// TestRealPacks is the product's main job: every pack goes in, comes out byte for byte and as a tar.gz that GNU tar
// unpacks to the same files, and is found by name, by display name and in spite of a typo.
func TestRealPacks(t *testing.T) {
	set := packSet(t)
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		for _, want := range []int{http.StatusCreated, http.StatusOK} {
			for _, a := range set {
				if got := s.curlUpload(t, a); got != want {
					t.Errorf("upload of %s %s: %d, want %d", a.name, a.version, got, want)
				}
			}
		}
		for _, a := range set {
			s.checkDownload(t, a)
			s.checkTarGz(t, a)
			s.checkFound(t, a.name, a.name)
			s.checkFound(t, a.displayName, a.name)
			if q := typo(a.name); q != "" {
				s.checkFound(t, q, a.name)
			}
		}
		checkVerify(t, b)
	})
}

// curlUpload uploads as the README says, and returns the status.
func (s *server) curlUpload(t *testing.T, a archive) int {
	t.Helper()
	curl, err := exec.LookPath("curl")
	if err != nil {
		testenv.Missing(t, "curl", err)
	}
	cmd := exec.Command(curl, "-sS", "-u", "admin:"+password, "-w", "\n%{http_code}", "--data-binary", "@-", s.url+"/api/v1/packs")
	cmd.Stdin = bytes.NewReader(a.data)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	text := strings.TrimSpace(string(out))
	var status int
	if _, err := fmt.Sscan(text[strings.LastIndex(text, "\n")+1:], &status); err != nil {
		t.Fatalf("curl printed no status: %s", text)
	}
	if status >= 300 {
		t.Logf("%s", text)
	}
	return status
}

func (a archive) path() string {
	return "/api/v1/packs/" + url.PathEscape(a.name) + "/versions/" + url.PathEscape(a.version)
}

func (s *server) checkDownload(t *testing.T, a archive) {
	t.Helper()
	status, body, err := s.do(context.Background(), http.MethodGet, a.path()+"/archive", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("archive of %s %s: %d %v", a.name, a.version, status, err)
	}
	if got := "sha256:" + sum(body); got != a.digest {
		t.Errorf("archive of %s %s is %s, was uploaded as %s", a.name, a.version, got, a.digest)
	}
}

func (s *server) checkTarGz(t *testing.T, a archive) {
	t.Helper()
	tar, err := exec.LookPath("tar")
	if err != nil {
		testenv.Missing(t, "tar", err)
	}
	status, body, err := s.do(context.Background(), http.MethodGet, a.path()+"/archive?format=tar.gz", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("tar.gz of %s %s: %d %v %.200s", a.name, a.version, status, err, body)
	}
	dir := t.TempDir()
	cmd := exec.Command(tar, "-xzf", "-", "-C", dir)
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("tar -xzf of %s %s: %v\n%s", a.name, a.version, err, out)
	}
	got := map[string]string{}
	root := filepath.Join(dir, a.name+"-"+a.version)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		got[filepath.ToSlash(rel)] = sum(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(a.files) {
		t.Errorf("tar.gz of %s %s has %d files, the zip has %d", a.name, a.version, len(got), len(a.files))
	}
	for path, want := range a.files {
		if got[path] != want {
			t.Errorf("tar.gz of %s %s: %s differs", a.name, a.version, path)
		}
	}
}

func (s *server) checkFound(t *testing.T, query, name string) {
	t.Helper()
	var page struct{ Items []struct{ Name string } }
	s.get("/api/v1/packs?limit=100&q="+url.QueryEscape(query), &page)
	for _, item := range page.Items {
		if item.Name == name {
			return
		}
	}
	t.Errorf("searching for %q does not find %s", query, name)
}
