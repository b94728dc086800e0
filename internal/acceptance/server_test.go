// Package acceptance drives the real program from outside, as its users do: real
// processes, real HTTP, on both back ends. It knows nothing of the code inside.
package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/testenv"
)

const password = "an-acceptance-password"

// program builds the registry once for all tests.
var program = sync.OnceValues(testenv.BuildRegistry)

func TestMain(m *testing.M) {
	code := m.Run()
	bin, _ := program()
	testenv.RemoveProgram(bin)
	os.Exit(code)
}

// backend is the environment that names one store; every process that is
// started with it works on the same packs.
type backend struct {
	name string
	env  []string
	dir  string // for the embedded store, and for spooling
}

// eachBackend runs f on the embedded store and on Postgres with S3.
func eachBackend(t *testing.T, f func(t *testing.T, b backend)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		dir := t.TempDir()
		f(t, backend{name: "embedded", dir: dir, env: []string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + dir}})
	})
	t.Run("postgres-s3", func(t *testing.T) { f(t, production(t)) })
}

func production(t *testing.T) backend {
	t.Helper()
	url := testenv.Postgres(t)
	b, _, _ := inBucket(t)
	b.name, b.env = "postgres-s3", append(b.env, "REGISTRY_DATABASE_URL="+url)
	return b
}

// inBucket is the embedded catalogue with the packs in a bucket.
func inBucket(t *testing.T) (backend, testenv.Endpoint, string) {
	t.Helper()
	s3, bucket := testenv.Bucket(t)
	return backend{name: "sqlite-s3", dir: t.TempDir(), env: []string{
		"REGISTRY_STORAGE=s3",
		"REGISTRY_STORAGE_S3_ENDPOINT=" + s3.URL,
		"REGISTRY_STORAGE_S3_REGION=" + s3.Region,
		"REGISTRY_STORAGE_S3_ACCESSKEY=" + s3.AccessKey,
		"REGISTRY_STORAGE_S3_SECRETKEY=" + s3.SecretKey,
		"REGISTRY_STORAGE_S3_BUCKET=" + bucket,
		"REGISTRY_STORAGE_S3_FORCEPATHSTYLE=true",
	}}, s3, bucket
}

// server is one running process.
type server struct {
	t      *testing.T
	url    string
	cmd    *exec.Cmd
	log    *testenv.Output
	exited chan struct{}
	client *http.Client
}

// start starts a process on the backend and waits until it is ready.
func start(t *testing.T, b backend, extra ...string) *server {
	t.Helper()
	addr := testenv.FreeAddr(t)
	return startAt(t, b, addr, "http://"+addr, &http.Transport{MaxIdleConnsPerHost: 64}, extra...)
}

// startAt is start at an address, which is asked by the URL.
func startAt(t *testing.T, b backend, addr, url string, transport *http.Transport, extra ...string) *server {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, url: url, log: &testenv.Output{}, exited: make(chan struct{}), client: &http.Client{Transport: transport, Timeout: 2 * time.Minute},
	}
	s.cmd = exec.Command(bin, "serve")
	s.cmd.Dir = t.TempDir()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = append(cleanEnv(), "REGISTRY_HTTP_ADDR="+addr, "REGISTRY_ADMIN_PASSWORD="+password,
		"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+b.dir)
	s.cmd.Env = append(append(s.cmd.Env, b.env...), extra...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.exited) }()
	t.Cleanup(s.kill)
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := s.client.Get(s.url + "/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s
			}
		}
		select {
		case <-s.exited:
			t.Fatalf("the server ended before it was ready:\n%s", s.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server was not ready in a minute:\n%s", s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kill ends the process the hard way, as a power cut would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.client.CloseIdleConnections()
}

// admin runs an admin verb on the backend and returns its standard output.
func admin(t *testing.T, b backend, args ...string) string {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, append([]string{"admin"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(cleanEnv(), "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+b.dir), b.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("registry admin %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// do makes a request as the administrator and returns status and body.
func (s *server) do(ctx context.Context, method, path string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth("admin", password)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// get is do for what must succeed, decoded into v.
func (s *server) get(path string, v any) {
	s.t.Helper()
	status, body, err := s.do(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

// cleanEnv is the environment without settings of the registry.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "REGISTRY_") {
			env = append(env, kv)
		}
	}
	return env
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
