package s3

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage/storagetest"
)

// A put that another request got in the way of is asked again; only a server that says so without end is unavailable.
func TestCollisions(t *testing.T) {
	data, d := storagetest.Blob(1, 1000)
	for code := range collisions() {
		for _, refusals := range []int32{1, 1000} {
			var puts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodHead:
					w.WriteHeader(http.StatusNotFound)
				case puts.Add(1) <= refusals:
					answer(w, http.StatusConflict, code)
				}
			}))
			defer server.Close()
			s := open(t, Config{Bucket: "packs", Endpoint: server.URL, AccessKey: "a", SecretKey: "s"})
			s.bucketSeen.Store(true)
			err := s.Put(t.Context(), d, bytes.NewReader(data))
			switch {
			case refusals == 1 && (err != nil || puts.Load() != 2):
				t.Errorf("%s once: %v after %d puts", code, err, puts.Load())
			case refusals > 1 && (!pack.IsKind(err, pack.KindUnavailable) || puts.Load() > 20):
				t.Errorf("%s always: %v after %d puts", code, err, puts.Load())
			}
		}
	}
}
