package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/testenv"
)

// between is a proxy before a registry that does something to the bodies of archives.
func between(t *testing.T, registry string, alter func(body []byte) io.Reader) (address string) {
	t.Helper()
	u, err := url.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasSuffix(r.Request.URL.Path, "/archive") {
			return nil
		}
		whole, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(alter(whole))
		return err
	}
	s := httptest.NewUnstartedServer(proxy)
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// withPack starts a registry that has one pack, alpha 1.0.0.
func withPack(t *testing.T) (address string) {
	t.Helper()
	program, err := registry()
	if err != nil {
		t.Fatal(err)
	}
	address = testenv.FreeAddr(t)
	server := exec.Command(program, "serve")
	server.Env = append(os.Environ(), "REGISTRY_HTTP_ADDR="+address, "REGISTRY_ADMIN_PASSWORD="+adminPassword, "REGISTRY_AUTH_BCRYPTCOST=4",
		"REGISTRY_HTTP_DRAINDELAY=0s", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	address = "http://" + address
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(address + "/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(end) {
			t.Fatal("the registry is not ready after a minute")
		}
	}
	archive := filepath.Join(t.TempDir(), "alpha.zip")
	if err := os.WriteFile(archive, packtest.PackZip("alpha", "1.0.0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := spectro(t, address, "pack", "push", archive).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return address
}

// spectro makes a call of the program, which testscript.Main has put into the PATH.
func spectro(t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("spectro", args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "SPECTRO_REGISTRY_SERVER="+address, "SPECTRO_USERNAME=admin", "SPECTRO_PASSWORD="+adminPassword)
	return cmd
}

// half is the first half of a body, and then silence until it is closed. began is told when half of it is on its way.
type half struct {
	*bytes.Reader
	began, end chan struct{}
}

func (h *half) Read(p []byte) (int, error) {
	if n, err := h.Reader.Read(p); err == nil {
		return n, nil
	}
	close(h.began)
	<-h.end
	return 0, io.ErrUnexpectedEOF
}

func visible(t *testing.T, dir string) (shown, hidden []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") {
			hidden = append(hidden, e.Name())
		} else {
			shown = append(shown, e.Name())
		}
	}
	return shown, hidden
}

// TestKilledPull ends pulls in the middle: nothing half-written is left under the pack's name, and interrupted nothing at all.
func TestKilledPull(t *testing.T) {
	address := withPack(t)
	for _, tt := range []struct {
		name   string
		signal os.Signal
		code   int
		hidden int
	}{
		{"interrupted", os.Interrupt, 130, 0},
		{"terminated", syscall.SIGTERM, 130, 0},
		{"killed outright", os.Kill, -1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began, end := make(chan struct{}), make(chan struct{})
			slow := between(t, address, func(body []byte) io.Reader {
				return &half{Reader: bytes.NewReader(body[:len(body)/2]), began: began, end: end}
			})
			defer close(end)
			target := filepath.Join(t.TempDir(), "packs")
			pull := spectro(t, slow, "pack", "pull", "alpha", target)
			if err := pull.Start(); err != nil {
				t.Fatal(err)
			}
			<-began
			if err := pull.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := pull.Wait(); !errors.As(err, &exit) || exit.ExitCode() != tt.code {
				t.Errorf("it ended with %v, not with %d", err, tt.code)
			}
			shown, hidden := visible(t, target)
			if len(shown) > 0 || len(hidden) != tt.hidden {
				t.Errorf("it left %v and %v", shown, hidden)
			}
			if out, err := spectro(t, address, "pack", "pull", "alpha", target).CombinedOutput(); err != nil {
				t.Errorf("the next pull: %v\n%s", err, out)
			}
			if _, err := os.Stat(filepath.Join(target, "alpha-1.0.0", "pack.json")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChangedPull: what is not what the registry says never becomes a folder, nor takes the place of one.
func TestChangedPull(t *testing.T) {
	address := withPack(t)
	bad := between(t, address, func(body []byte) io.Reader {
		body[len(body)/2] ^= 1
		return bytes.NewReader(body)
	})
	target := t.TempDir()
	if out, err := spectro(t, address, "pack", "pull", "alpha", target).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before := packtest.Dir(t, target)
	for _, args := range [][]string{{}, {"--archive"}} {
		out, err := spectro(t, bad, append([]string{"pack", "pull", "alpha", target, "--force"}, args...)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 9 || !strings.Contains(string(out), "it was changed on its way") {
			t.Errorf("%v\n%s", err, out)
		}
		if after := packtest.Dir(t, target); len(after) != len(before) {
			t.Errorf("the target has %d files instead of %d", len(after), len(before))
		}
	}
}
