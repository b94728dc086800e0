package s3

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage/storagetest"
)

// TestRequests looks at what is asked of the server: encryption, in one piece and in parts, and credentials
// of the AWS default chain. Few servers encrypt without keys of their own, so a stand-in takes the requests
// and refuses them.
func TestRequests(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "KEYOFTHECHAIN")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	for _, c := range []struct {
		name        string
		cfg         Config
		algorithm   string
		key, access string
	}{
		{"none", Config{AccessKey: "KEYOFTHEFILE", SecretKey: "s"}, "", "", "KEYOFTHEFILE"},
		{"the server's own keys", Config{Encrypt: true, AccessKey: "KEYOFTHEFILE", SecretKey: "s"}, "AES256", "", "KEYOFTHEFILE"},
		{"a KMS key, default chain", Config{Encrypt: true, KMSKeyID: "alias/packs"}, "aws:kms", "alias/packs", "KEYOFTHECHAIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			asked := map[string]http.Header{} // by method
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				mu.Lock()
				asked[r.Method] = r.Header.Clone()
				mu.Unlock()
				answer(w, http.StatusForbidden, "AccessDenied")
			}))
			defer server.Close()
			c.cfg.Bucket, c.cfg.Endpoint = "packs", server.URL
			s := open(t, c.cfg)
			s.bucketSeen.Store(true)
			data, d := storagetest.Blob(1, inParts)
			for _, method := range []string{http.MethodPut, http.MethodPost} { // one piece, then parts
				if err := s.Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) {
					t.Errorf("%s: %v", method, err)
				}
				mu.Lock()
				h := asked[method]
				mu.Unlock()
				if h.Get("X-Amz-Server-Side-Encryption") != c.algorithm || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != c.key {
					t.Errorf("%s asks for encryption by %q with %q", method, h.Get("X-Amz-Server-Side-Encryption"), h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
				}
				if !strings.Contains(h.Get("Authorization"), "Credential="+c.access+"/") {
					t.Errorf("%s is signed by %q", method, h.Get("Authorization"))
				}
				small(s)
			}
		})
	}
}
