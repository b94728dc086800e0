package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

// answers serves one after the other, the last for ever; a nil one breaks the connection.
func answers(t *testing.T, list ...http.HandlerFunc) (*Client, *naps, *seen) {
	t.Helper()
	var n atomic.Int32
	server, asked := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		f := list[min(int(n.Add(1)), len(list))-1]
		if f == nil {
			panic(http.ErrAbortHandler)
		}
		f(w, r)
	})
	server.Config.SetKeepAlivesEnabled(false) // net/http itself asks again where a kept connection broke
	c, naps := newClient(t, Options{Server: server.URL})
	return c, naps, asked
}

// problemOf answers with a problem and headers (name, value, ...).
func problemOf(status int, code string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"code":%q,"detail":"told"}`, code)
	}
}

func TestRetries(t *testing.T) {
	busy := func(header ...string) http.HandlerFunc {
		return problemOf(http.StatusTooManyRequests, "busy", header...)
	}
	for name, c := range map[string]struct {
		list  []http.HandlerFunc
		kind  string
		waits []time.Duration // 0 is our own choice
	}{
		"at once":                 {list: []http.HandlerFunc{emptyPage}},
		"asked to wait":           {list: []http.HandlerFunc{busy("Retry-After", "7"), problemOf(503, "down", "Retry-After", "2"), emptyPage}, waits: []time.Duration{7 * time.Second, 2 * time.Second}},
		"until a date":            {list: []http.HandlerFunc{busy("Date", "Sun, 22 Nov 2026 10:00:00 GMT", "Retry-After", "Sun, 22 Nov 2026 10:00:09 GMT"), emptyPage}, waits: []time.Duration{9 * time.Second}},
		"a date gone by":          {list: []http.HandlerFunc{busy("Retry-After", "Sun, 22 Nov 2020 10:00:00 GMT"), emptyPage}, waits: []time.Duration{0}},
		"nonsense":                {list: []http.HandlerFunc{busy("Retry-After", "soon"), busy("Retry-After", "-4"), emptyPage}, waits: []time.Duration{0, 0}},
		"longer than one waits":   {list: []http.HandlerFunc{busy("Retry-After", "99999999999"), emptyPage}, kind: "busy"},
		"for ever":                {list: []http.HandlerFunc{problemOf(503, "down")}, kind: "unavailable", waits: []time.Duration{0, 0, 0}},
		"broken connections":      {list: []http.HandlerFunc{nil, nil, emptyPage}, waits: []time.Duration{0, 0}},
		"only broken ones":        {list: []http.HandlerFunc{nil}, kind: "network", waits: []time.Duration{0, 0, 0}},
		"a changed password":      {list: []http.HandlerFunc{problemOf(401, "unauthorized"), emptyPage}, kind: "unauthorized"},
		"too many wrong ones":     {list: []http.HandlerFunc{problemOf(429, "too_many_failures", "Retry-After", "1"), emptyPage}, kind: "busy"},
		"a conflict":              {list: []http.HandlerFunc{problemOf(409, "version_exists"), emptyPage}, kind: "conflict"},
		"a failure of the server": {list: []http.HandlerFunc{problemOf(500, "internal"), emptyPage}, kind: "internal"},
		"a full store":            {list: []http.HandlerFunc{problemOf(507, "no_space"), emptyPage}, kind: "no_space"},
	} {
		t.Run(name, func(t *testing.T) {
			client, naps, asked := answers(t, c.list...)
			_, err := client.Search(t.Context(), Query{})
			if kindOfError(err) != c.kind {
				t.Fatalf("%v", err)
			}
			got := slices.Clone(naps.all)
			for i := range got {
				if i < len(c.waits) && c.waits[i] == 0 && got[i] >= firstWait/4 && got[i] <= maxWait {
					got[i] = 0
				}
			}
			if diff := cmp.Diff(c.waits, got); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			if n := asked.count(withPassword); n != len(c.waits)+1 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// TestHastyAsksOnce is for completion, at which somebody waits.
func TestHastyAsksOnce(t *testing.T) {
	c, naps, asked := answers(t, problemOf(503, "down"))
	if _, err := c.Hasty().Search(t.Context(), Query{}); !pack.IsKind(err, pack.KindUnavailable) || len(naps.all) > 0 || asked.count(withPassword) != 1 {
		t.Errorf("%v, %d waits", err, len(naps.all))
	}
}

// TestLostAnswerOfADeletion finds that gone which the attempt before has deleted.
func TestLostAnswerOfADeletion(t *testing.T) {
	gone := problemOf(http.StatusNotFound, "not_found")
	for name, f := range map[string]func(context.Context, *Client) error{
		"pack":    func(ctx context.Context, c *Client) error { return c.DeletePack(ctx, "a") },
		"version": func(ctx context.Context, c *Client) error { return c.DeleteVersion(ctx, "a", "1.0.0", "") },
		"tag":     func(ctx context.Context, c *Client) error { return c.DeleteTag(ctx, "a", "stable") },
	} {
		c, _, _ := answers(t, nil, gone)
		if err := f(t.Context(), c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c, _, _ = answers(t, gone)
		if err := f(t.Context(), c); !pack.IsKind(err, pack.KindNotFound) {
			t.Errorf("%s that never was: %v", name, err)
		}
	}
}

// TestPublishSendsTheWholeAgain breaks the connection after the first body.
func TestPublishSendsTheWholeAgain(t *testing.T) {
	var (
		mu     sync.Mutex
		bodies [][]byte
	)
	server, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			return
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		bodies = append(bodies, b)
		first := len(bodies) == 1
		mu.Unlock()
		if first {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"name":"a"}`)
	})
	c, _ := newClient(t, Options{Server: server.URL})
	text := bytes.Repeat([]byte("0123456789"), 100_000)
	var told []int64
	v, created, err := c.Publish(t.Context(), Publication{
		Archive: bytes.NewReader(text), Size: int64(len(text)), Format: pack.FormatZip, Progress: func(n int64) { told = append(told, n) },
	})
	if err != nil || !created || v.Name != "a" {
		t.Fatal(v, created, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(bodies) != 2 || !bytes.Equal(bodies[0], text) || !bytes.Equal(bodies[1], text) {
		t.Errorf("%d bodies", len(bodies))
	}
	zeros := 0
	for _, n := range told {
		if n == 0 {
			zeros++
		}
	}
	if zeros != 2 || told[len(told)-1] != int64(len(text)) {
		t.Errorf("progress %v", told)
	}
}

// TestLostAnswerOfANewVersion finds that there which the attempt before has published, or somebody else.
func TestLostAnswerOfANewVersion(t *testing.T) {
	text := []byte("archive")
	for name, c := range map[string]struct {
		list    []http.HandlerFunc
		created bool
		kind    string
	}{
		"ours":         {[]http.HandlerFunc{nil, problemOf(412, "exists"), emptyPage}, true, ""},
		"another's":    {[]http.HandlerFunc{nil, problemOf(412, "exists"), problemOf(409, "version_exists")}, false, "precondition_failed"},
		"nothing lost": {[]http.HandlerFunc{problemOf(412, "exists")}, false, "precondition_failed"},
	} {
		client, _, asked := answers(t, c.list...)
		_, created, err := client.Publish(t.Context(), Publication{Archive: bytes.NewReader(text), Size: int64(len(text)), Format: pack.FormatZip, New: true})
		if created != c.created || kindOfError(err) != c.kind || asked.count(withPassword) != len(c.list) {
			t.Errorf("%s: created %v, %v, after %d questions", name, created, err, asked.count(withPassword))
		}
	}
}

// brokenDisk fails after some bytes.
type brokenDisk struct{ good int64 }

var errDisk = errors.New("the disk is broken")

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off >= d.good {
		return 0, errDisk
	}
	return int(min(int64(len(p)), d.good-off)), nil
}

// TestBrokenArchiveIsNotTheServersFault reads an archive that cannot be read.
func TestBrokenArchiveIsNotTheServersFault(t *testing.T) {
	c, naps, _ := answers(t, emptyPage)
	_, _, err := c.Publish(t.Context(), Publication{Archive: brokenDisk{100_000}, Size: 10_000_000, Format: pack.FormatZip})
	if !errors.Is(err, errDisk) || errors.As(err, new(*NetworkError)) || len(naps.all) > 0 {
		t.Errorf("%v, after %d waits", err, len(naps.all))
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	c, _, asked := answers(t, problemOf(503, "down"))
	ctx, stop := context.WithCancel(t.Context())
	c.o.Sleep = func(ctx context.Context, _ time.Duration) error { stop(); return sleep(ctx, time.Hour) }
	if _, err := c.Search(ctx, Query{}); !errors.Is(err, context.Canceled) || asked.count(withPassword) != 1 {
		t.Error(err)
	}
}

// TestRedirectIsNotFollowed: it would carry the password along.
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere, asked := serve(t, false, emptyPage)
	c, _, _ := answers(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := c.Search(t.Context(), Query{})
	if kindOfError(err) != "network" || !strings.Contains(err.Error(), "redirects to "+elsewhere.URL+";") || asked.count(every) > 0 {
		t.Error(err)
	}
}
