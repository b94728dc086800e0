package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"packregistry/internal/auth"
	"packregistry/internal/pack/packtest"
)

// real is a house with the real authenticator over a cost-10 htpasswd file.
func real(b *testing.B) *house {
	hash, err := bcrypt.GenerateFromPassword([]byte("pw"), 10)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "htpasswd")
	if err := os.WriteFile(path, []byte("publisher:"+string(hash)+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return newHouse(b, func(c *Config) {
		c.Auth, err = auth.New(auth.Config{Store: noAccounts{}, Htpasswd: path, Publishers: []string{"publisher"}, Now: time.Now})
		if err != nil {
			b.Fatal(err)
		}
	})
}

type noAccounts struct{}

func (noAccounts) Accounts(context.Context) ([]auth.Account, error) { return nil, nil }

// noise does not compress.
func noise(n int) string {
	out := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = byte(r.UintN(256))
	}
	return string(out)
}

// serveOnce calls the handler without a network, so that the figure is the server's.
func (h *house) serveOnce(b *testing.B, method, path string, body io.Reader, want int, headers ...string) http.Header {
	req := httptest.NewRequest(method, path, body)
	req.SetBasicAuth("publisher", "pw")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.Config.Handler.ServeHTTP(w, req)
	if w.Code != want {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Header()
}

// BenchmarkDownload is an authenticated download of a 16 KB pack; the budget is 0.3 ms.
func BenchmarkDownload(b *testing.B) {
	h := real(b)
	data := small("alpha", "1.0.0", packtest.File("data.bin", noise(15_000)))
	h.serveOnce(b, "POST", "/api/v1/packs", bytes.NewReader(data), 201)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		h.serveOnce(b, "GET", "/api/v1/packs/alpha/versions/1.0.0/archive", nil, 200)
	}
}

// BenchmarkCatalogueUnchanged is sync/catalog with If-None-Match; the budget is 0.1 ms.
func BenchmarkCatalogueUnchanged(b *testing.B) {
	h := real(b)
	h.serveOnce(b, "POST", "/api/v1/packs", bytes.NewReader(small("alpha", "1.0.0")), 201)
	tag := h.serveOnce(b, "GET", "/api/v1/sync/catalog", nil, 200).Get("ETag")
	b.ReportAllocs()
	for b.Loop() {
		h.serveOnce(b, "GET", "/api/v1/sync/catalog", nil, 304, "If-None-Match", tag)
	}
}

// BenchmarkUpload publishes new packs of 100 KB; the budget is 15 ms.
func BenchmarkUpload(b *testing.B) {
	h := real(b)
	filler := packtest.File("data.bin", noise(95_000))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		data := small(fmt.Sprintf("pack-%d", n%50), fmt.Sprintf("1.%d.0", n), filler)
		b.StartTimer()
		h.serveOnce(b, "POST", "/api/v1/packs", bytes.NewReader(data), 201)
	}
}
