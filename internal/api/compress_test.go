package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "*": true, "": false, "br": false, "gzip;q=0": false,
		"gzip; q=0.0, *": false, "*;q=0": false, "xgzip": false,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestCompression(t *testing.T) {
	long := `"` + strings.Repeat("a", 5000) + `"`
	s := bare(t, nil)
	ts := httptest.NewServer(s.observe(s.compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		text := long
		if r.URL.Path == "/short" {
			text = `"a"`
		}
		if r.URL.Path == "/partial" {
			w.WriteHeader(http.StatusPartialContent)
		}
		for i := 0; i < len(text); i += 700 {
			w.Write([]byte(text[i:min(len(text), i+700)]))
			if r.URL.Path == "/flush" {
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			}
		}
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
	}))))
	defer ts.Close()
	for path, zipped := range map[string]bool{
		"/long?type=application/json": true, "/long?type=application/jsonl": true, "/long?type=application/problem%2Bjson": true,
		"/long?type=application/zip": false, "/long?type=text/plain": false, "/short?type=application/json": false,
		"/partial?type=application/json": false, "/flush?type=application/json": false,
	} {
		got := ask(t, ts, "", "GET", path, nil, "Accept-Encoding", "gzip")
		if (got.header.Get("Content-Encoding") == "gzip") != zipped {
			t.Errorf("%s: Content-Encoding %q", path, got.header.Get("Content-Encoding"))
		}
		text := got.body
		if zipped {
			z, err := gzip.NewReader(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			text = string(all)
		}
		if want := map[bool]string{true: `"a"`, false: long}[strings.HasPrefix(path, "/short")]; text != want {
			t.Errorf("%s: %d bytes, want %d", path, len(text), len(want))
		}
		if strings.Contains(path, "json") && got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: Vary %q", path, got.header.Get("Vary"))
		}
	}
	// A broken answer must not look complete.
	req, err := http.NewRequest("GET", ts.URL+"/abort?type=application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	if res, err := ts.Client().Do(req); err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			t.Error("an aborted answer was read without an error")
		}
	}
}
