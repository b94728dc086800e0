package client

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

// TestAnswersWithoutEnd: no answer fills the memory, also none that is small on its way.
func TestAnswersWithoutEnd(t *testing.T) {
	for _, tt := range []struct {
		name, begin, again string
		packed             bool // on its way, too
		ask                func(*Client) error
		want               string
	}{
		{"one value", `{"next":"`, "a", true, func(c *Client) error { _, err := c.Search(t.Context(), Query{}); return err }, "its answer is longer than 2 MiB"},
		{"a list", `{"items":[`, `{"name":"a"},`, false, func(c *Client) error { _, err := c.Search(t.Context(), Query{}); return err }, "its answer is longer than 2 MiB"},
		{"a line", `{"name":"`, "a", true, func(c *Client) error {
			_, err := c.Catalogue(t.Context(), func(*pack.Version) error { return nil })
			return err
		}, "a line of its catalogue is longer than 4 MiB"},
		{"blanks between lines", "", " ", false, func(c *Client) error {
			_, err := c.Catalogue(t.Context(), func(*pack.Version) error { return nil })
			return err
		}, "a line of its catalogue is longer than 4 MiB"},
	} {
		for _, packed := range []bool{false, true} {
			if packed && !tt.packed {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				c := ask(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/health" {
						return
					}
					w.Header().Set("Content-Type", "application/json")
					to := io.Writer(w)
					if packed && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
						w.Header().Set("Content-Encoding", "gzip")
						z := gzip.NewWriter(w)
						defer z.Close()
						to = z
					}
					_, err := io.WriteString(to, tt.begin)
					// It ends, so that this fails instead of filling the memory of who runs it.
					for many, i := strings.Repeat(tt.again, 1<<20/len(tt.again)), 0; i < 5 && err == nil; i++ {
						_, err = io.WriteString(to, many)
					}
				}))
				if c.longest != maxAnswer {
					t.Errorf("%d bytes by default", c.longest)
				}
				c.longest = 2 << 20 // to read 64 MiB takes long
				err := tt.ask(c)
				var network *NetworkError
				if !errors.As(err, &network) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// TestCatalogueOfManyLines: the bound of a line is not one of all lines.
func TestCatalogueOfManyLines(t *testing.T) {
	const lines = 20_000
	c := ask(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		for range lines {
			_, _ = io.WriteString(w, `{"name":"alpha","message":"`+strings.Repeat("x", 200)+`"}`+"\n")
		}
		_, _ = io.WriteString(w, `{"cursor":"c"}`)
	}))
	n := 0
	cursor, err := c.Catalogue(t.Context(), func(*pack.Version) error { n++; return nil })
	if err != nil || cursor != "c" || n != lines {
		t.Errorf("%d lines, %q, %v", n, cursor, err)
	}
}

// TestQuestionTooLong is no reason to doubt the server.
func TestQuestionTooLong(t *testing.T) {
	for _, status := range []int{http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge} {
		c := ask(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				w.WriteHeader(status)
			}
		}))
		if _, err := c.Search(t.Context(), Query{Text: "x"}); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
