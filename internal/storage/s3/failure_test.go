package s3

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

// everyCall makes each call of a store and gives their errors by name.
func everyCall(t *testing.T, s *Store) map[string]error {
	t.Helper()
	data, d := storagetest.Blob(1, 1000)
	_, statErr := s.Stat(t.Context(), d)
	_, openErr := s.Open(t.Context(), d, 0, -1)
	_, tidyErr := s.Tidy(t.Context(), time.Now())
	return map[string]error{
		"put": s.Put(t.Context(), d, bytes.NewReader(data)), "stat": statErr, "open": openErr,
		"delete": s.Delete(t.Context(), d), "check": s.Check(t.Context()), "tidy": tidyErr,
		"walk": s.Walk(t.Context(), func(storage.Info) error { return nil }),
	}
}

func wantAll(t *testing.T, calls map[string]error, code string) {
	t.Helper()
	for name, err := range calls {
		var e *pack.Error
		if !errors.As(err, &e) || e.Kind != pack.KindUnavailable || e.Code != code || e.RetryAfter <= 0 {
			t.Errorf("%s: got %v (%+v), want KindUnavailable %s with a time to wait", name, err, e, code)
		}
	}
}

func TestBadCredentials(t *testing.T) {
	c := bucketConfig(t)
	c.SecretKey += "x"
	wantAll(t, everyCall(t, open(t, c)), storage.CodeDenied)
	c.AccessKey = "nobody"
	wantAll(t, everyCall(t, open(t, c)), storage.CodeDenied)
}

func TestWrongBucket(t *testing.T) {
	c := bucketConfig(t)
	c.Bucket += "-which-is-not-there"
	wantAll(t, everyCall(t, open(t, c)), storage.CodeMisconfigured)
}

func TestServerGone(t *testing.T) {
	_ = testenv.S3(t) // skips where there is none
	e, stop, err := testenv.StartS3("")
	if err != nil {
		testenv.Missing(t, "an S3 server of its own", err)
	}
	defer stop()
	if err := testenv.MakeBucket(t.Context(), e, "bucket"); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Bucket: "bucket", Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, MaxAttempts: 1})
	data, d := storagetest.Blob(1, 1000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	stop()
	wantAll(t, everyCall(t, s), "storage_unavailable")
}

// A server that takes connections and says nothing must not hold a caller for ever.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // its backlog accepts; nobody reads
	s := open(t, Config{
		Bucket: "bucket", Endpoint: "http://" + l.Addr().String(), AccessKey: "a", SecretKey: "b",
		Timeout: 50 * time.Millisecond, MaxAttempts: 1,
	})
	wantAll(t, everyCall(t, s), "storage_unavailable")
}

// A silent server is asked once: each silence is as long as the timeout, and somebody waits for the answer.
func TestSilenceIsNotAskedAgain(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Method+" "+r.URL.RequestURI()]++
		mu.Unlock()
		<-r.Context().Done()
	}))
	defer silent.Close()
	s := open(t, Config{Bucket: "bucket", Endpoint: silent.URL, AccessKey: "a", SecretKey: "b", Timeout: 100 * time.Millisecond})
	_, d := storagetest.Blob(1, 1000)
	_, statErr := s.Stat(t.Context(), d)
	_, openErr := s.Open(t.Context(), d, 0, -1)
	wantAll(t, map[string]error{"stat": statErr, "open": openErr, "delete": s.Delete(t.Context(), d)}, "storage_unavailable")
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 3 {
		t.Errorf("asked %v, want HEAD, GET and DELETE", asked)
	}
	for what, n := range asked {
		if n != 1 {
			t.Errorf("%s was asked %d times, want once", what, n)
		}
	}
}

// A part of a large blob, and the completion, are sent again after a silence: else all of it would be lost.
func TestSilenceInALargePut(t *testing.T) {
	t.Parallel() // it waits most of the time
	var mu sync.Mutex
	silences := map[string]int{}
	c := through(t, bucketConfig(t), func(_ http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		what := ""
		switch {
		case q.Get("partNumber") == "2":
			what = "part"
		case r.Method == http.MethodPost && q.Has("uploadId"):
			what = "completion"
		default:
			return false
		}
		mu.Lock()
		silences[what]++
		first := silences[what] == 1
		mu.Unlock()
		if first {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}
		return first
	})
	c.Timeout = 5 * time.Second // a busy machine is no silence
	s := open(t, c)
	small(s)
	data, d := storagetest.Blob(1, 11<<20)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if silences["part"] < 2 || silences["completion"] < 2 {
		t.Errorf("asked %v times, want again after the silence", silences)
	}
	readBack(t, s, d)
	if n := uploads(t, s); n != 0 {
		t.Errorf("%d uploads are left unfinished", n)
	}
}
