package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// RunLinker runs the part of the suite for stores that give out addresses of their blobs.
func RunLinker(t *testing.T, newStore func(t *testing.T) (storage.Store, storage.Linker)) {
	s, linker := newStore(t)
	data, _ := Blob(1, 300_000)
	d := put(t, s, data)
	as := storage.LinkOptions{Size: 300_000, MediaType: "application/zip", Disposition: `attachment; filename="alpha-1.0.0.zip"`}
	address, err := linker.Link(t.Context(), d, as)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("the whole", func(t *testing.T) {
		got := fetch(t, address, "")
		if got.status != http.StatusOK || !bytes.Equal(got.body, data) {
			t.Fatalf("status %d and %d bytes: %.300s", got.status, len(got.body), got.body)
		}
		if h := got.header; h.Get("Content-Type") != as.MediaType || h.Get("Content-Disposition") != as.Disposition || h.Get("Content-Encoding") != "" {
			t.Errorf("headers %v", h)
		}
	})

	t.Run("ranges", func(t *testing.T) {
		for header, want := range map[string][]byte{
			"bytes=0-0": data[:1], "bytes=1000-1999": data[1000:2000], "bytes=299999-": data[299_999:], "bytes=-500": data[299_500:], "bytes=100-999999": data[100:],
		} {
			got := fetch(t, address, header)
			if got.status != http.StatusPartialContent || !bytes.Equal(got.body, want) {
				t.Errorf("%s: status %d and %d bytes, want %d", header, got.status, len(got.body), len(want))
			}
		}
	})

	t.Run("as the store likes", func(t *testing.T) {
		address, err := linker.Link(t.Context(), d, storage.LinkOptions{Size: as.Size})
		if err != nil {
			t.Fatal(err)
		}
		if got := fetch(t, address, ""); got.status != http.StatusOK || !bytes.Equal(got.body, data) || got.header.Get("Content-Disposition") != "" {
			t.Errorf("status %d and %d bytes, headers %v", got.status, len(got.body), got.header)
		}
	})

	t.Run("the empty blob", func(t *testing.T) {
		address, err := linker.Link(t.Context(), put(t, s, nil), storage.LinkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fetch(t, address, ""); got.status != http.StatusOK || len(got.body) != 0 {
			t.Errorf("status %d and %d bytes", got.status, len(got.body))
		}
	})

	t.Run("opens nothing else", func(t *testing.T) {
		other, _ := Blob(2, 100)
		for what, address := range map[string]string{
			"of another blob": strings.ReplaceAll(address, storage.Key(d), storage.Key(put(t, s, other))),
			"of another type": strings.Replace(address, "application%2Fzip", "text%2Fhtml", 1),
			"without a key":   address[:strings.Index(address, "?")],
		} {
			if got := fetch(t, address, ""); got.status < 400 || got.status > 499 || bytes.Contains(got.body, other) {
				t.Errorf("%s: status %d and %d bytes", what, got.status, len(got.body))
			}
		}
	})

	t.Run("no address", func(t *testing.T) {
		_, absent := Blob(3, 10)
		for what, c := range map[string]struct {
			d    pack.Digest
			size int64
			kind pack.Kind
		}{
			"of what is not there":   {absent, 10, pack.KindNotFound},
			"of a torn blob":         {d, as.Size + 1, pack.KindCorrupt},
			"of a blob that is long": {d, as.Size - 1, pack.KindCorrupt},
			"of a way out":           {"sha256:../../etc/passwd", 10, pack.KindInvalid},
		} {
			address, err := linker.Link(t.Context(), c.d, storage.LinkOptions{Size: c.size})
			if !pack.IsKind(err, c.kind) || address != "" {
				t.Errorf("%s: %q, %v", what, address, err)
			}
		}
		if address, err := linker.Link(cancelled(), d, as); !errors.Is(err, context.Canceled) || address != "" {
			t.Errorf("cancelled: %q, %v", address, err)
		}
	})
}

// fetched is what came from an address, read whole.
type fetched struct {
	status int
	header http.Header
	body   []byte
}

// fetch asks as somebody who knows nothing but the address.
func fetch(t *testing.T, address, ranges string) fetched {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fetched{resp.StatusCode, resp.Header, body}
}
