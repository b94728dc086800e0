package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHTTP2: deadlines, refusals and streams work where a connection is shared.
func TestHTTP2(t *testing.T) {
	h := newHouse(t, nil)
	ts := httptest.NewUnstartedServer(h.api.handler())
	ts.EnableHTTP2 = true
	ts.StartTLS()
	t.Cleanup(ts.Close)
	do := func(who string, body io.Reader) (int, string) {
		t.Helper()
		req, err := http.NewRequest("POST", ts.URL+"/api/v1/packs", body)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(who, "pw")
		res, err := ts.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d: %v", res.ProtoMajor, err)
		}
		return res.StatusCode, string(text)
	}
	data := small("alpha", "1.0.0")
	for range 2 {
		if status, text := do("reader", bytes.NewReader(make([]byte, 4<<20))); status != 403 {
			t.Errorf("refusal: %d %s", status, text)
		}
	}
	if status, text := do("publisher", bytes.NewReader(data)); status != 201 {
		t.Errorf("upload: %d %s", status, text)
	}
	if status, _ := do("publisher", bytes.NewReader(make([]byte, testArchiveLimit+1))); status != 413 {
		t.Errorf("too large: %d", status)
	}
	if got := ask(t, ts, "reader", "GET", "/api/v1/packs/alpha/versions/1.0.0/archive", nil).want(t, 200); got.body != string(data) {
		t.Error("other bytes came back")
	}
}
