package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// answering is a client of a server that answers as paths say; what is not there is a pack that is not found.
func answering(t *testing.T, paths map[string]string) *client.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1")
		if q := r.URL.Query().Get("q"); q != "" {
			path += "?q=" + q
		}
		if text, ok := paths[path]; ok {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status":404,"code":"pack_not_found","detail":"there is no such pack"}`)
	}))
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{Server: s.URL, Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNear(t *testing.T) {
	const nothing = `{"items":[],"next":""}`
	for name, tt := range map[string]struct {
		paths map[string]string
		want  string
	}{
		"by its name":       {map[string]string{"/packs?q=my-nginx": `{"items":[{"name":"nginx"},{"name":"nginx-extra"}]}`}, "there is no such pack; did you mean nginx, nginx-extra?"},
		"by a part":         {map[string]string{"/packs?q=my-nginx": nothing, "/packs?q=my": nothing, "/packs?q=nginx": `{"items":[{"name":"nginx"}]}`}, "there is no such pack; did you mean nginx?"},
		"by its spelling":   {map[string]string{"/packs?q=my-nginx": `{"items":[{"name":"other"},{"name":"nginx"},{"name":"mynginx"}]}`}, "there is no such pack; did you mean mynginx, nginx, other?"},
		"nothing":           {map[string]string{"/packs?q=my-nginx": nothing, "/packs?q=my": nothing, "/packs?q=nginx": nothing}, "there is no such pack"},
		"no search to have": {nil, "there is no such pack"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolve(t.Context(), answering(t, tt.paths), target{name: "my-nginx", ref: "1.0.0"})
			if !pack.IsKind(err, pack.KindNotFound) || message(err) != tt.want {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestResolveBelievesNoPath: what becomes the name of a folder is checked, whatever the server says.
func TestResolveBelievesNoPath(t *testing.T) {
	for _, doc := range []string{
		`{"namespace":"default","name":"../alpha","version":"1.0.0"}`,
		`{"namespace":"default","name":"alpha","version":"1.0.0/../../x"}`,
		`{"namespace":"default","name":"alpha","version":""}`,
		`{"namespace":"../..","name":"alpha","version":"1.0.0"}`,
		`{"namespace":"default","name":"beta","version":"1.0.0"}`,
	} {
		_, err := resolve(t.Context(), answering(t, map[string]string{"/packs/alpha/versions/latest": doc}), target{name: "alpha"})
		if !errors.As(err, new(*client.NetworkError)) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestMayReturn(t *testing.T) {
	for _, err := range []error{
		&client.NetworkError{}, pack.Errorf(pack.KindBusy, "", ""), pack.Errorf(pack.KindUnavailable, "", ""), pack.Errorf(pack.KindInternal, "", ""),
	} {
		if !mayReturn(err) {
			t.Errorf("%T %v is final", err, err)
		}
	}
	for _, err := range []error{pack.Errorf(pack.KindCursorGone, "", ""), pack.Errorf(pack.KindUnauthorized, "", ""), errors.New("no space")} {
		if mayReturn(err) {
			t.Errorf("%v is not final", err)
		}
	}
}
