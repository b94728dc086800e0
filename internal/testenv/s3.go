package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The environment variables that name a running S3-compatible server on which
// tests may make buckets. `make test` sets them for all packages. The server is a
// throw-away one: nothing removes the buckets.
const (
	S3EndpointURL = "REGISTRY_TEST_S3_ENDPOINT" // such as http://127.0.0.1:7070
	S3AccessKey   = "REGISTRY_TEST_S3_ACCESS_KEY"
	S3SecretKey   = "REGISTRY_TEST_S3_SECRET_KEY"
	S3Region      = "REGISTRY_TEST_S3_REGION" // us-east-1 when not set
)

// Endpoint is a running S3-compatible server.
type Endpoint struct {
	URL, Region, AccessKey, SecretKey string
}

// Environ gives e as settings of the environment, for other processes.
func (e Endpoint) Environ() []string {
	return []string{
		S3EndpointURL + "=" + e.URL, S3Region + "=" + e.Region,
		S3AccessKey + "=" + e.AccessKey, S3SecretKey + "=" + e.SecretKey,
	}
}

// sharedS3 is the one S3 server of this test process, as in shared.
var sharedS3 struct {
	sync.Once
	endpoint Endpoint
	err      error
}

// S3 gives a running server: the one of the environment, else one that this test
// process starts and shares. Without either the test is skipped; with CI=true it
// fails.
func S3(t testing.TB) Endpoint {
	t.Helper()
	if url := os.Getenv(S3EndpointURL); url != "" {
		e := Endpoint{URL: url, Region: os.Getenv(S3Region), AccessKey: os.Getenv(S3AccessKey), SecretKey: os.Getenv(S3SecretKey)}
		if e.Region == "" {
			e.Region = defaultRegion
		}
		return e
	}
	sharedS3.Do(func() { sharedS3.endpoint, _, sharedS3.err = StartS3("") })
	if sharedS3.err != nil {
		Missing(t, "an S3 server", sharedS3.err)
	}
	return sharedS3.endpoint
}

// Bucket makes a fresh bucket on the server of S3 and gives both.
func Bucket(t testing.TB) (Endpoint, string) {
	t.Helper()
	e, name := S3(t), "test-"+randomName()
	if err := MakeBucket(t.Context(), e, name); err != nil {
		t.Fatal(err)
	}
	return e, name
}

const (
	defaultRegion = "us-east-1"
	startAttempts = 3
	startLimit    = 30 * time.Second
)

// StartS3 starts versitygw on a free port of 127.0.0.1. Its buckets are kept in
// dir between runs; with dir "" they go with the server. stop ends it; it also
// ends, however it comes about, with this process.
func StartS3(dir string) (e Endpoint, stop func(), err error) {
	bin, err := versitygw()
	if err != nil {
		return Endpoint{}, nil, err
	}
	throwAway := dir == ""
	if throwAway {
		if dir, err = os.MkdirTemp("", "registry-s3-"); err != nil {
			return Endpoint{}, nil, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Endpoint{}, nil, err
	}
	e, stop, err = startGateway(bin, dir, throwAway)
	if err != nil && throwAway {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return e, stop, err
}

func startGateway(bin, dir string, throwAway bool) (Endpoint, func(), error) {
	buckets := filepath.Join(dir, "buckets")
	// A Postgres beside it may run as another user, who has to pass what is above.
	if err := errors.Join(os.MkdirAll(filepath.Dir(dir), 0o755), os.MkdirAll(buckets, 0o700)); err != nil {
		return Endpoint{}, nil, err
	}
	e := Endpoint{Region: defaultRegion, AccessKey: "test", SecretKey: "test-" + randomName()}
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return Endpoint{}, nil, err
		}
		address := "127.0.0.1:" + strconv.Itoa(port)
		e.URL = "http://" + address
		sup := supervision{log: filepath.Join(dir, "versitygw.log"), signal: "TERM"}
		if throwAway {
			sup.remove = dir
		}
		p, err := sup.start([]string{
			bin, "--port", address, "--region", e.Region, "--access", e.AccessKey, "--secret", e.SecretKey,
			"--keep-alive", "--quiet", "--health", "/health", "posix", buckets,
		})
		if err != nil {
			return Endpoint{}, nil, err
		}
		if err = waitForS3(e.URL+"/health", p); err == nil {
			return e, p.stop, nil
		}
		text, _ := os.ReadFile(sup.log) // only to explain
		p.stop()
		if attempt == startAttempts || throwAway {
			return Endpoint{}, nil, fmt.Errorf("start versitygw: %w\n%s", err, text)
		}
	}
}

// waitForS3 asks for the health page until it answers. Another process may take
// the free port first; then the gateway ends.
func waitForS3(url string, p *process) error {
	deadline := time.Now().Add(startLimit)
	client := http.Client{Timeout: 5 * time.Second}
	for {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-p.done:
			return errors.New("the server ended at once")
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// versitygw finds the server that `make tools` has put below .tools.
func versitygw() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".tools", "bin", "versitygw")
	if _, err := os.Stat(bin); err != nil {
		return "", fmt.Errorf("no versitygw in .tools/bin: run `make services`, or set %s, %s and %s", S3EndpointURL, S3AccessKey, S3SecretKey)
	}
	return bin, nil
}

// MakeBucket makes a bucket. One that this account has already is a success.
func MakeBucket(ctx context.Context, e Endpoint, name string) error {
	return ask(ctx, e, http.MethodPut, "/"+name, http.StatusOK, http.StatusConflict)
}

// RemoveObject removes an object from a bucket, past the server that put it there.
func RemoveObject(ctx context.Context, e Endpoint, bucket, key string) error {
	return ask(ctx, e, http.MethodDelete, "/"+bucket+"/"+key, http.StatusNoContent)
}

// ask makes a request without a body that is answered with one of the statuses.
func ask(ctx context.Context, e Endpoint, method, path string, statuses ...int) error {
	req, err := http.NewRequestWithContext(ctx, method, e.URL+path, nil)
	if err != nil {
		return err
	}
	sign(req, e, time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	if !slices.Contains(statuses, resp.StatusCode) {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}
