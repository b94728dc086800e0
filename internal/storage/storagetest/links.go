package storagetest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Links is a storage.Linker of any store, for tests of what lies above one. Its addresses lead to a server of its own, which is as strict as S3:
// it takes what it has signed and no second way to log in.
type Links struct {
	*httptest.Server
	// Address is what the addresses begin with: the server's own, under another host name than 127.0.0.1, which servers in tests have.
	Address string
	store   storage.Store
	key     string

	mu    sync.Mutex
	asked []*http.Request
}

// NewLinks starts the server, until the test ends.
func NewLinks(t testing.TB, s storage.Store) *Links {
	l := &Links{store: s, key: rand.Text()}
	l.Server = httptest.NewServer(l)
	l.Address = strings.Replace(l.URL, "127.0.0.1", "localhost", 1)
	t.Cleanup(l.Server.Close)
	return l
}

// Link implements storage.Linker.
func (l *Links) Link(ctx context.Context, d pack.Digest, as storage.LinkOptions) (string, error) {
	info, err := l.store.Stat(ctx, d)
	if err != nil {
		return "", err
	}
	if info.Size != as.Size {
		return "", storage.Corrupt(d, fmt.Errorf("it has %d bytes instead of %d", info.Size, as.Size))
	}
	q := url.Values{}
	if as.MediaType != "" {
		q.Set("response-content-type", as.MediaType)
	}
	if as.Disposition != "" {
		q.Set("response-content-disposition", as.Disposition)
	}
	path := "/" + storage.Key(d)
	q.Set("X-Amz-Signature", l.sign(path, q))
	return l.Address + path + "?" + q.Encode(), nil
}

func (l *Links) sign(path string, q url.Values) string {
	h := hmac.New(sha256.New, []byte(l.key))
	io.WriteString(h, path+"?"+q.Encode()) //nolint:errcheck // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// Asked are the requests that came to the addresses, in order.
func (l *Links) Asked() []*http.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*http.Request(nil), l.asked...)
}

// ServeHTTP is what lies behind the addresses.
func (l *Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.asked = append(l.asked, r)
	l.mu.Unlock()
	q := r.URL.Query()
	signature := q.Get("X-Amz-Signature")
	q.Del("X-Amz-Signature")
	d, _ := storage.ParseKey(strings.TrimPrefix(r.URL.Path, "/"))
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "<Error><Code>InvalidArgument</Code></Error>", http.StatusBadRequest)
		return
	case r.Method != http.MethodGet || signature != l.sign(r.URL.Path, q):
		http.Error(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>", http.StatusForbidden)
		return
	}
	data, err := l.read(r.Context(), d)
	if err != nil {
		http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("ETag", `"an-md5-sum"`)
	h.Set("Content-Type", "binary/octet-stream")
	for name, header := range map[string]string{"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition"} {
		if value := q.Get(name); value != "" {
			h.Set(header, value)
		}
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(data))
}

func (l *Links) read(ctx context.Context, d pack.Digest) (string, error) {
	stream, err := l.store.Open(ctx, d, 0, -1)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	data, err := io.ReadAll(stream)
	return string(data), err
}
