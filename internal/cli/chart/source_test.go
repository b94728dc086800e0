package chart_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/cli/chart"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// fetch fetches into a file and gives what it holds.
func fetch(t *testing.T, s chart.Source) (*chart.Found, string, error) {
	t.Helper()
	if s.HTTP == nil {
		var err error
		if s.HTTP, err = chart.NewHTTP(nil, false); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "chart.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, err := s.Fetch(context.Background(), f)
	if err != nil {
		return nil, "", err
	}
	content, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(content)) != found.Size {
		t.Errorf("%d bytes told of %d", found.Size, len(content))
	}
	return found, string(content), nil
}

func TestLocal(t *testing.T) {
	packed := tgz(map[string]string{"Chart.yaml": head})
	dir := tree(t, map[string]string{"app-1.2.3.tgz": packed, "app/Chart.yaml": head, "other/values.yaml": "a: 1\n", "notes.txt": "x"})
	at := func(name string) string { return filepath.Join(dir, name) }
	if found, got, err := fetch(t, chart.Source{Ref: at("app-1.2.3.tgz")}); err != nil || got != packed || found.From != "" {
		t.Errorf("%+v %v", found, err)
	}
	if _, got, err := fetch(t, chart.Source{Ref: at("app")}); err != nil || mustRead(t, got).Name != "app" {
		t.Error(err)
	}
	for ref, kind := range map[string]pack.Kind{at("gone"): pack.KindNotFound, at("other"): pack.KindInvalid} {
		if _, _, err := fetch(t, chart.Source{Ref: ref}); !pack.IsKind(err, kind) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, _, err := fetch(t, chart.Source{Ref: at("app"), Version: "1"}); !pack.IsKind(err, pack.KindInvalid) {
		t.Error(err)
	}
	for ref, want := range map[string]bool{at("app"): true, at("app-1.2.3.tgz"): true, "oci://x/y": true, at("other"): false, at("notes.txt"): false, "app": false} {
		if chart.IsRef(ref) != want {
			t.Errorf("%s: %t", ref, !want)
		}
	}
	large := at("large.tgz")
	if f, err := os.Create(large); err != nil || f.Truncate(chart.MaxArchive+1) != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if _, _, err := fetch(t, chart.Source{Ref: large}); !pack.IsKind(err, pack.KindTooLarge) {
		t.Errorf("large: %v", err)
	}
}

func TestIn(t *testing.T) {
	one := tree(t, map[string]string{"c/Chart.yaml": head, "x.txt": "x"})
	many := tree(t, map[string]string{"app/Chart.yaml": head, "b-1.0.0.tgz": "x", "bc.tgz": "x", "c.tar.gz": "x"})
	for _, c := range []struct{ dir, name, want string }{
		{one, "any", "c"},
		{many, "app", "app"},
		{many, "b", "b-1.0.0.tgz"},
		{many, "bc", "bc.tgz"},
		{many, "c", "c.tar.gz"},
		{t.TempDir(), "any", ""},
		{filepath.Join(one, "gone"), "any", ""},
	} {
		want := c.want
		if want != "" {
			want = filepath.Join(c.dir, want)
		}
		if got, err := chart.In(c.dir, c.name); err != nil || got != want {
			t.Errorf("%s %s: %q %v", c.dir, c.name, got, err)
		}
	}
	if got, err := chart.In(many, "other"); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "app, b-1.0.0.tgz") {
		t.Errorf("%q %v", got, err)
	}
}

// repository is a chart repository over TLS; whoever asks with its certificate is let in.
func repository(t *testing.T, change func(mux *http.ServeMux, server *httptest.Server)) (*httptest.Server, chart.Source) {
	t.Helper()
	packed := tgz(map[string]string{"Chart.yaml": head})
	sum := sha256.Sum256([]byte(packed))
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/charts/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "apiVersion: v1\nentries:\n  app:\n  - {version: 1.2.3, digest: %s, urls: [app-1.2.3.tgz]}\n  - {version: 2.0.0-rc.1, urls: [rc.tgz]}\n", hex.EncodeToString(sum[:]))
		fmt.Fprintf(w, "  changed:\n  - {version: 1.0.0, digest: %064d, urls: [app-1.2.3.tgz]}\n", 0)
		fmt.Fprintf(w, "  absolute:\n  - {version: 1.10, urls: [\"%s/else/app.tgz\"]}\n  nowhere:\n  - {version: 1.0.0, urls: [\"ftp://x/y\", \"http://x/y\"]}\n", server.URL)
	})
	serve := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, packed) }
	mux.HandleFunc("/charts/app-1.2.3.tgz", serve)
	mux.HandleFunc("/else/app.tgz", serve)
	if change != nil {
		change(mux, server)
	}
	ca := filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o644); err != nil {
		t.Fatal(err)
	}
	http, err := chart.NewHTTP([]string{ca}, false)
	if err != nil {
		t.Fatal(err)
	}
	return server, chart.Source{HTTP: http, UserAgent: "test"}
}

func TestRepository(t *testing.T) {
	server, s := repository(t, nil)
	for path, file := range map[string]string{"/charts/app": "/charts/app-1.2.3.tgz", "/charts/absolute": "/else/app.tgz", "/else/app.tgz": "/else/app.tgz"} {
		s.Ref = server.URL + path
		found, got, err := fetch(t, s)
		if err != nil || found.From != server.URL+file || mustRead(t, got).Name != "app" {
			t.Errorf("%s: %+v %v", path, found, err)
		}
	}
	s.Ref, s.Version = server.URL+"/charts/app", "^1"
	if found, _, err := fetch(t, s); err != nil || !strings.HasSuffix(found.From, "app-1.2.3.tgz") {
		t.Errorf("%+v %v", found, err)
	}
	for ref, kind := range map[string]pack.Kind{
		"/charts/gone": pack.KindNotFound, "/other/app": pack.KindNotFound, "/charts/gone.tgz": pack.KindNotFound,
		"/charts/nowhere": pack.KindNotFound, "": pack.KindInvalid, "/charts/app#x": pack.KindInvalid,
	} {
		s.Ref, s.Version = server.URL+ref, ""
		if _, _, err := fetch(t, s); !pack.IsKind(err, kind) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	s.Ref, s.Version = server.URL+"/charts/app", "9.9.9"
	if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindNotFound) {
		t.Error(err)
	}
	var network *client.NetworkError
	s.Ref, s.Version = server.URL+"/charts/changed", ""
	if _, _, err := fetch(t, s); !errors.As(err, &network) || !strings.Contains(err.Error(), "digest") {
		t.Errorf("another digest: %v", err)
	}
}

// Where the way of asking is at fault, the error names the flag that mends it.
func TestUnreachableNamesTheFlag(t *testing.T) {
	server, _ := repository(t, nil)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure, clear := strings.TrimPrefix(server.URL, "https://"), strings.TrimPrefix(plain.URL, "http://")
	for ref, flags := range map[string][]string{
		server.URL + "/charts/app": {"--ca-file", "--insecure"}, "oci://" + secure + "/charts/app:1.0.0": {"--ca-file", "--insecure"},
		"https://" + clear + "/charts/app": {"--plain-http"}, "oci://" + clear + "/charts/app:1.0.0": {"--plain-http"},
	} {
		_, _, err := fetch(t, chart.Source{Ref: ref})
		if !errors.As(err, new(*client.NetworkError)) {
			t.Errorf("%s: %v", ref, err)
		}
		for _, flag := range flags {
			if !strings.Contains(fmt.Sprint(err), flag) {
				t.Errorf("%s: no word of %s: %v", ref, flag, err)
			}
		}
	}
}

func TestRepositoryThatMisbehaves(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, tgz(map[string]string{"Chart.yaml": head}))
	}))
	defer plain.Close()
	server, s := repository(t, func(mux *http.ServeMux, _ *httptest.Server) {
		for path, status := range map[string]int{"/401.tgz": 401, "/403.tgz": 403, "/500.tgz": 500} {
			mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}
		mux.HandleFunc("/down.tgz", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+"/x.tgz", http.StatusFound)
		})
		mux.HandleFunc("/round.tgz", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round.tgz", http.StatusFound) })
		mux.HandleFunc("/moved.tgz", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else/app.tgz", http.StatusFound) })
		mux.HandleFunc("/cut.tgz", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "short")
		})
		mux.HandleFunc("/large.tgz", func(w http.ResponseWriter, _ *http.Request) {
			for block := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		})
		mux.HandleFunc("/page/index.yaml", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\n<a b: [c") })
		mux.HandleFunc("/huge/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("#\n"), 17<<20))
		})
	})
	var network *client.NetworkError
	for path, want := range map[string]func(error) bool{
		"/401.tgz": func(err error) bool { return pack.IsKind(err, pack.KindUnauthorized) },
		"/403.tgz": func(err error) bool { return pack.IsKind(err, pack.KindUnauthorized) },
		"/500.tgz": func(err error) bool { return errors.As(err, &network) },
		"/down.tgz": func(err error) bool {
			return errors.As(err, &network) && strings.Contains(err.Error(), "not encrypted")
		},
		"/round.tgz": func(err error) bool { return errors.As(err, &network) && strings.Contains(err.Error(), "without end") },
		"/moved.tgz": func(err error) bool { return err == nil },
		"/cut.tgz":   func(err error) bool { return errors.As(err, &network) },
		"/large.tgz": func(err error) bool { return pack.IsKind(err, pack.KindTooLarge) },
		"/page/app":  func(err error) bool { return pack.IsKind(err, pack.KindInvalid) },
		"/huge/app":  func(err error) bool { return pack.IsKind(err, pack.KindTooLarge) },
	} {
		s.Ref = server.URL + path
		if _, _, err := fetch(t, s); !want(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	s.Ref = plain.URL + "/x.tgz"
	if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "--plain-http") {
		t.Errorf("plain: %v", err)
	}
	s.PlainHTTP = true
	if _, _, err := fetch(t, s); err != nil {
		t.Errorf("plain, asked for: %v", err)
	}
	for _, ref := range []string{"ftp://x/y.tgz", "oci://user:pw@x/y", "https://user:pw/more@x/y", "https://", "oci://x/UPPER", "oci://x", "oci://x/y?z"} {
		s.Ref = ref
		if _, _, err := fetch(t, s); !pack.IsKind(err, pack.KindInvalid) || strings.Contains(fmt.Sprint(err), "pw") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// A password in an address goes to the repository and nowhere else: not into what is told, nor into the pack.
func TestPasswordInAddress(t *testing.T) {
	var seen string
	server, s := repository(t, func(mux *http.ServeMux, _ *httptest.Server) {
		mux.HandleFunc("/private/app.tgz", func(w http.ResponseWriter, r *http.Request) {
			if _, seen, _ = r.BasicAuth(); seen != "pass-word" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, tgz(map[string]string{"Chart.yaml": head}))
		})
	})
	with := strings.Replace(server.URL, "https://", "https://me:pass-word@", 1)
	s.Ref = with + "/private/app.tgz"
	found, _, err := fetch(t, s)
	if err != nil || found.From != server.URL+"/private/app.tgz" || seen != "pass-word" {
		t.Errorf("%+v %v", found, err)
	}
	for _, ref := range []string{with + "/gone.tgz", with + "/charts/gone", with + "/private/app.tgz#x", strings.Replace(with, "127.0.0.1", "127.0.0.1:1", 1) + "/x.tgz"} {
		s.Ref = ref
		if _, _, err := fetch(t, s); err == nil || strings.Contains(err.Error(), "pass-word") {
			t.Errorf("%v", err)
		}
	}
}

func TestInterruptedFetch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	server, s := repository(t, func(mux *http.ServeMux, _ *httptest.Server) {
		mux.HandleFunc("/hang.tgz", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "some")
			w.(http.Flusher).Flush()
			cancel()
			<-r.Context().Done()
		})
	})
	s.Ref = server.URL + "/hang.tgz"
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := s.Fetch(ctx, f); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestIcon(t *testing.T) {
	server, s := repository(t, func(mux *http.ServeMux, _ *httptest.Server) {
		mux.HandleFunc("/icon.png", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "picture") })
		mux.HandleFunc("/large.png", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5<<20)) })
	})
	for icon, want := range map[string]string{
		server.URL + "/icon.png": "picture", "data:image/png;base64,cGljdHVyZQ==": "picture", "": "", "file://icon.png": "", "http://x/y.png": "",
		server.URL + "/large.png": "error", server.URL + "/gone.png": "error", "data:text,x": "error", "data:x;base64,*": "error",
	} {
		c := mustRead(t, tgz(map[string]string{"Chart.yaml": head + "icon: \"" + icon + "\"\n"}))
		got, err := s.IconBytes(context.Background(), c)
		if (err != nil) != (want == "error") || (err == nil && string(got) != want) {
			t.Errorf("%s: %q %v", icon, got, err)
		}
	}
}
