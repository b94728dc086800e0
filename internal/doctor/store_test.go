package doctor

import (
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// TestRedirects examines a registry that redirects downloads to its store, over the ways that this goes wrong.
func TestRedirects(t *testing.T) {
	for _, tt := range []struct {
		name   string
		store  func(http.Handler) http.Handler // what answers at the store
		change func(l *storagetest.Links, store *house)
		trust  bool // the store's authority
		status Status
		parts  []string
	}{
		{name: "right", trust: true, status: OK, parts: []string{"digest sha256:", "from the store at localhost:"}},
		{name: "an authority that is not trusted", status: Failed, parts: []string{"its certificate does not hold: certificate signed by unknown authority", "upload that in Palette"}},
		{name: "plain HTTP", trust: true, change: func(l *storagetest.Links, _ *house) { l.Address = strings.Replace(l.URL, "127.0.0.1", "localhost", 1) }, status: Failed, parts: []string{"plain HTTP", "storage.s3.redirectendpoint"}},
		{name: "nobody there", trust: true, change: func(l *storagetest.Links, _ *house) { l.Address = "https://localhost:1" }, status: Failed, parts: []string{"connection refused", "open the way"}},
		{name: "a store that refuses", trust: true, store: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
		}, status: Failed, parts: []string{"it answers 403 Forbidden", "clocks"}},
		{name: "other bytes", trust: true, store: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("other")) })
		}, status: Failed, parts: []string{"5 bytes came from the store at localhost:", "registry admin verify"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var links *storagetest.Links
			face := linkedFace(t, func(s storage.Store) storage.Linker {
				if links == nil {
					links = storagetest.NewLinks(t, s)
				}
				return links
			}, packtest.PackTarGz("alpha", "1.0.0"), nil)
			var answers http.Handler = links
			if tt.store != nil {
				answers = tt.store(links)
			}
			store := newHouse(t, answers, time.Now(), "localhost")
			links.Address = strings.Replace(store.URL, "127.0.0.1", "localhost", 1)
			if tt.change != nil {
				tt.change(links, store)
			}
			h := newHouse(t, face, time.Now(), "127.0.0.1")
			o := h.options()
			if tt.trust {
				o.CA = slices.Concat(h.ca, store.ca)
			}
			r := examine(t, o)
			for _, name := range []string{"REST pack", "OCI pack"} {
				r.want(t, name, tt.status, tt.parts...)
			}
			if strings.Contains(r.Text(), "Signature") {
				t.Errorf("the address is told:\n%s", r.Text())
			}
			for _, q := range links.Asked() {
				if q.Header.Get("Authorization") != "" {
					t.Error("the store got the password")
				}
			}
			if tt.status != OK {
				return
			}
			// The form names both, and trusts both.
			if !strings.Contains(r.Text(), "Packs come from "+strings.TrimPrefix(links.Address, "https://")+", where the registry redirects to") {
				t.Errorf("no advice in\n%s", r.Text())
			}
			root, _ := pem.Decode(store.ca)
			if last := r.Forms[0].Certificate; !strings.HasSuffix(last, string(pem.EncodeToMemory(root))) || strings.Count(last, "BEGIN CERTIFICATE") != 3 {
				t.Errorf("the PEM lacks the store's authority:\n%s", last)
			}
		})
	}
}

// TestRedirectWithThePassword: the server does not redirect to its own host name, but what stands before it may have changed that name.
func TestRedirectWithThePassword(t *testing.T) {
	face := newFace(t, nil)
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/archive") {
			w.Header().Set("Location", "https://127.0.0.1:1/key?X-Amz-Signature=0")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		face.ServeHTTP(w, r)
	}), time.Now(), "127.0.0.1")
	examine(t, h.options()).want(t, "REST pack", Failed, "own host name", "send the password along")
}
