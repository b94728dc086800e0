package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// meddler is what a proxy does before it passes a request on; true means that it
// has answered itself.
type meddler func(w http.ResponseWriter, r *http.Request) bool

// through puts a proxy between the store and the real server. The Host header goes
// through as it is, so the signatures hold.
func through(t *testing.T, c Config, m meddler) Config {
	t.Helper()
	target, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	c.Endpoint = proxy.URL
	return c
}

// answer is an S3 error document.
func answer(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, err := io.WriteString(w, "<Error><Code>"+code+"</Code><Message>by the proxy</Message></Error>")
	return err == nil
}

func TestErrorAnswers(t *testing.T) {
	base := bucketConfig(t)
	for _, c := range []struct {
		status int
		code   string
		kind   pack.Kind
		word   string // the pack.Error's code
		after  time.Duration
	}{
		{503, "SlowDown", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{503, "ServiceUnavailable", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{500, "InternalError", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{502, "", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{429, "TooManyRequests", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{400, "BadDigest", pack.KindUnavailable, "storage_unavailable", 7 * time.Second},
		{403, "AccessDenied", pack.KindUnavailable, storage.CodeDenied, retryDenied},
		{403, "RequestTimeTooSkewed", pack.KindUnavailable, storage.CodeDenied, retryDenied},
		{301, "PermanentRedirect", pack.KindUnavailable, storage.CodeMisconfigured, retryDenied},
		{404, "NoSuchBucket", pack.KindUnavailable, storage.CodeMisconfigured, retryDenied},
		{403, "QuotaExceeded", pack.KindNoSpace, "", 0},
		{507, "XMinioStorageFull", pack.KindNoSpace, "", 0},
		{507, "", pack.KindNoSpace, "", 0},
		{400, "SomethingElse", pack.KindInternal, "", 0},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			cfg := through(t, base, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead { // has no body to tell anything
					return false
				}
				calls.Add(1)
				w.Header().Set("Retry-After", "7")
				return answer(w, c.status, c.code)
			})
			cfg.MaxAttempts = 2
			s := open(t, cfg)
			s.bucketSeen.Store(true)
			data, d := storagetest.Blob(1, 1000)
			err := s.Put(t.Context(), d, bytes.NewReader(data))
			var e *pack.Error
			if !errors.As(err, &e) || e.Kind != c.kind || e.Code != c.word || e.RetryAfter != c.after {
				t.Errorf("got %v: %+v; want %s %q after %v", err, e, c.kind, c.word, c.after)
			}
			if n := calls.Load(); n > 2 {
				t.Errorf("the server was asked %d times, want at most 2", n)
			}
			if e != nil && (strings.Contains(e.Message, "proxy") || !strings.Contains(err.Error(), c.code)) {
				t.Errorf("the message %q must not show the cause, and the log %q must", e.Message, err)
			}
			if _, err := s.Open(t.Context(), d, 0, -1); !pack.IsKind(err, c.kind) {
				t.Errorf("Open: got %v, want %s", err, c.kind)
			}
			if err := s.Check(t.Context()); !pack.IsKind(err, c.kind) {
				t.Errorf("Check: got %v, want %s", err, c.kind)
			}
		})
	}
}

const retryDenied = time.Minute

// One bad answer is no failure.
func TestRetries(t *testing.T) {
	var calls atomic.Int32
	s := open(t, through(t, bucketConfig(t), func(w http.ResponseWriter, r *http.Request) bool {
		if calls.Add(1)%2 == 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			return answer(w, 503, "SlowDown")
		}
		return false
	}))
	data, d := storagetest.Blob(1, 100_000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	rc, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// A server that knows no create-only writes, or no checksums, is used without.
func TestOlderServers(t *testing.T) {
	for name, headers := range map[string][]string{
		"no create-only writes": {"If-None-Match"},
		"no checksums":          {"X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm"},
		"neither":               {"If-None-Match", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm"},
	} {
		for size, what := range map[int]string{1000: "single", inParts: "multipart"} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				s := open(t, through(t, bucketConfig(t), func(w http.ResponseWriter, r *http.Request) bool {
					for _, h := range headers {
						if r.Header.Get(h) != "" {
							_, _ = io.Copy(io.Discard, r.Body)
							return answer(w, 501, "NotImplemented")
						}
					}
					return false
				}))
				small(s)
				for i := range uint64(2) {
					data, d := storagetest.Blob(i, size)
					if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
						t.Fatal(err)
					}
					readBack(t, s, d)
				}
				if n := uploads(t, s); n != 0 {
					t.Errorf("%d unfinished uploads are left", n)
				}
			})
		}
	}
}

// small makes multipart uploads of all blobs above 1 MiB; 5 MiB is the smallest part that servers take.
func small(s *Store) { s.singleLimit, s.partSize = 1<<20, 5<<20 }

// inParts is the size of a blob of three such parts.
const inParts = 11<<20 + 1

func readBack(t *testing.T, s *Store, d pack.Digest) {
	t.Helper()
	rc, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.Copy(io.Discard, rc); err != nil {
		t.Fatal(err)
	}
}

// A bit that flips on the way to the server is noticed by the server.
func TestDamagedOnTheWay(t *testing.T) {
	for size, what := range map[int]string{1000: "single", inParts: "multipart"} {
		t.Run(what, func(t *testing.T) {
			c := through(t, bucketConfig(t), func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					body, err := io.ReadAll(r.Body)
					if err == nil && len(body) > 500 {
						body[500] ^= 1
					}
					r.Body = io.NopCloser(bytes.NewReader(body))
				}
				return false
			})
			c.MaxAttempts = 1
			s := open(t, c)
			small(s)
			data, d := storagetest.Blob(1, size)
			if err := s.Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) {
				t.Errorf("got %v, want KindUnavailable", err)
			}
			if _, err := s.Stat(t.Context(), d); !pack.IsKind(err, pack.KindNotFound) {
				t.Errorf("Stat: got %v, want no blob", err)
			}
			if n := uploads(t, s); n != 0 {
				t.Errorf("%d unfinished uploads are left", n)
			}
		})
	}
}

func TestMultipartIsAborted(t *testing.T) {
	t.Run("after an error", func(t *testing.T) {
		s := open(t, through(t, bucketConfig(t), func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Query().Get("partNumber") == "3" && answer(w, 403, "AccessDenied")
		}))
		small(s)
		data, d := storagetest.Blob(1, inParts)
		if err := s.Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) {
			t.Errorf("got %v, want KindUnavailable", err)
		}
		if n := uploads(t, s); n != 0 {
			t.Errorf("%d unfinished uploads are left", n)
		}
	})
	t.Run("after a cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := open(t, through(t, bucketConfig(t), func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("partNumber") == "3" {
				cancel()
			}
			return false
		}))
		small(s)
		data, d := storagetest.Blob(1, inParts)
		if err := s.Put(ctx, d, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if n := uploads(t, s); n != 0 {
			t.Errorf("%d unfinished uploads are left", n)
		}
	})
}

// The answer to a write is lost after it happened: the next attempt finds the
// object there and is content.
func TestLostAnswer(t *testing.T) {
	for size, what := range map[int]string{1000: "single", inParts: "multipart"} {
		t.Run(what, func(t *testing.T) {
			base := bucketConfig(t)
			var lost atomic.Int32
			var target *Store
			s := open(t, through(t, base, func(w http.ResponseWriter, r *http.Request) bool {
				final := r.Method == http.MethodPut && r.URL.RawQuery == "x-id=PutObject" || r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
				if !final || lost.Add(1) > 1 {
					return false
				}
				// Pass it on ourselves and drop the connection in place of the answer.
				u, _ := url.Parse(base.Endpoint)
				out := r.Clone(r.Context())
				out.URL.Scheme, out.URL.Host, out.RequestURI = u.Scheme, u.Host, ""
				resp, err := http.DefaultTransport.RoundTrip(out)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("passing it on: %v, %v", resp, err)
				} else {
					resp.Body.Close()
				}
				panic(http.ErrAbortHandler)
			}))
			small(s)
			target = open(t, base)
			data, d := storagetest.Blob(1, size)
			if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if lost.Load() == 0 {
				t.Fatal("the proxy lost nothing")
			}
			readBack(t, target, d)
			if n := uploads(t, target); n != 0 {
				t.Errorf("%d unfinished uploads are left", n)
			}
		})
	}
}
