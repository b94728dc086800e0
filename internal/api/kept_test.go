package api

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"packregistry/internal/db"
)

// What is kept is the answer that was given, in both codings, until something changes.
func TestKeptAnswers(t *testing.T) {
	h := newHouse(t, nil)
	for i := range 20 {
		h.push(small(fmt.Sprintf("alpha-%d", i), "1.0.0"), "")
	}
	h.push(small("beta", "1.0.0"), "?namespace=prod")
	const search = "/api/v1/packs?q=alpha&limit=7&facets=true"
	for _, path := range []string{search, "/api/v1/packs/alpha-1", "/api/v1/packs/alpha-1/tags"} {
		first := h.as("reader", "GET", path, nil).want(t, 200)
		again := h.as("reader", "GET", path, nil).want(t, 200)
		for _, name := range []string{"Content-Type", "Link"} {
			if first.header.Get(name) != again.header.Get(name) {
				t.Errorf("%s: %s %q, then %q", path, name, first.header.Get(name), again.header.Get(name))
			}
		}
		if again.body != first.body || first.header.Get("X-Request-Id") == again.header.Get("X-Request-Id") {
			t.Errorf("%s: another body, or the same request: %v", path, again)
		}
		zipped := h.as("reader", "GET", path, nil, "Accept-Encoding", "gzip").want(t, 200)
		if len(first.body) < compressFrom {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(zipped.body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != first.body || zipped.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s zipped: %v, %d bytes, %v", path, err, len(text), zipped.header)
		}
	}
	if !strings.Contains(h.as("reader", "GET", search, nil).header.Get("Link"), "cursor=") {
		t.Error("no link to the next page")
	}
	h.as("nobody", "GET", search, nil).want(t, 401)
	h.as("reader", "GET", "/api/v1/packs?q=beta&namespace=prod", nil).want(t, 200, `"beta"`)
	if got := h.as("reader", "GET", "/api/v1/packs?q=beta", nil).want(t, 200); strings.Contains(got.body, `"beta"`) {
		t.Error("what is in one namespace was told of another")
	}
	h.as("publisher", "PUT", "/api/v1/packs/alpha-1/tags/stable", []byte(`{"version":"1.0.0"}`)).want(t, 200)
	h.as("reader", "GET", "/api/v1/packs/alpha-1/tags", nil).want(t, 200, `"stable"`)
	h.as("publisher", "DELETE", "/api/v1/packs/alpha-1", nil).want(t, 204)
	h.as("reader", "GET", "/api/v1/packs/alpha-1", nil).want(t, 404)
	h.as("reader", "GET", search, nil).want(t, 200, `"total":19`)
}

func TestKeptAnswersAreBounded(t *testing.T) {
	a := newAnswers()
	mark := db.Mark{Seq: 1, Mark: "x"}
	a.get(mark, "")
	body := make([]byte, 10_000)
	for i := range 5000 {
		a.put(mark, fmt.Sprint(i), &keptAnswer{body: body})
		if a.get(mark, "0") == nil {
			t.Fatalf("what is asked for all the time is gone after %d others", i)
		}
	}
	total := 0
	for _, half := range []map[string]*keptAnswer{a.young, a.old} {
		for _, k := range half {
			total += len(k.body)
		}
	}
	if total > 2*(keptSize+20_000) {
		t.Errorf("%d bytes are kept", total)
	}
	if a.get(db.Mark{Seq: 2, Mark: "y"}, "0") != nil || a.get(mark, "0") != nil {
		t.Error("what was true of another head is told")
	}
}
