package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// seen is what one reader says of an archive: "d" or "-" or "x" before the path,
// the SHA-256 of the content behind it.
type seen map[string]string

func mark(dir, exec bool, path string) string {
	switch {
	case dir:
		return "d " + path
	case exec:
		return "x " + path
	}
	return "- " + path
}

func hashOf(t testing.TB, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatalf("reading: %v", err)
	}
	return string(pack.NewDigest(h.Sum(nil)))
}

// walkAll walks the archive and returns what it saw.
func walkAll(b []byte, lim Limits) (seen, pack.Format, error) {
	got := seen{}
	format, err := Walk(context.Background(), bytes.NewReader(b), int64(len(b)), lim, func(e *Entry, body io.Reader) error {
		h := sha256.New()
		n, err := io.Copy(h, body)
		if err != nil {
			return err
		}
		if n != e.Size {
			return errors.New("Size is not that of the body")
		}
		got[mark(e.Dir, e.Executable, e.Path)] = string(pack.NewDigest(h.Sum(nil)))
		return nil
	})
	return got, format, err
}

func TestWalkAcceptsRealPacks(t *testing.T) {
	for _, file := range packtest.RealPacks(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, format, err := walkAll(b, DefaultLimits())
		if err != nil || format != pack.FormatZip {
			t.Errorf("%s: %s, %v", filepath.Base(file), format, err)
			continue
		}
		if diff := cmp.Diff(stdZip(t, b), got); diff != "" {
			t.Errorf("%s: archive/zip sees otherwise (-std +own):\n%s", filepath.Base(file), diff)
		}
	}
}

// stdZip is what archive/zip sees.
func stdZip(t testing.TB, b []byte) seen {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("archive/zip: %v", err)
	}
	got := seen{}
	for _, f := range zr.File {
		p := strings.TrimSuffix(strings.TrimPrefix(f.Name, "./"), "/")
		if p == "" || p == "." {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatalf("archive/zip: %s: %v", f.Name, err)
		}
		dir := strings.HasSuffix(f.Name, "/")
		key := mark(dir, !dir && f.ExternalAttrs>>16&modeExecute != 0, p)
		if _, twice := got[key]; twice {
			t.Fatalf("archive/zip sees %s twice", key)
		}
		got[key] = hashOf(t, r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// entriesOf are the entries of an accepted archive.
func entriesOf(t testing.TB, b []byte) []Entry {
	t.Helper()
	var entries []Entry
	_, err := Walk(context.Background(), bytes.NewReader(b), int64(len(b)), DefaultLimits(), func(e *Entry, _ io.Reader) error {
		entries = append(entries, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Whether visit reads a body or not, its damage is found.
func TestWalkReadsWhatVisitLeaves(t *testing.T) {
	for _, c := range hostileCases() {
		_, err := Walk(context.Background(), bytes.NewReader(c.Bytes), int64(len(c.Bytes)), limitsOf(c), func(_ *Entry, body io.Reader) error {
			var one [1]byte
			_, _ = body.Read(one[:])
			return nil
		})
		if (err == nil) != (c.Rule == "") {
			t.Errorf("%s: err = %v, rule %q", c.Name, err, c.Rule)
		}
		// A visit that makes another error of the body's must not hide the refusal.
		other := errors.New("other")
		_, err = Walk(context.Background(), bytes.NewReader(c.Bytes), int64(len(c.Bytes)), limitsOf(c), func(_ *Entry, body io.Reader) error {
			if _, err := io.Copy(io.Discard, body); err != nil {
				return other
			}
			return nil
		})
		if errors.Is(err, other) {
			t.Errorf("%s: visit's error hides the refusal", c.Name)
		}
	}
}

func TestWalkReturnsTheErrorOfVisit(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range hostileCases() {
		if c.Rule != "" || !strings.Contains(c.Name, "one file") {
			continue
		}
		_, err := Walk(context.Background(), bytes.NewReader(c.Bytes), int64(len(c.Bytes)), DefaultLimits(), func(*Entry, io.Reader) error { return boom })
		if !errors.Is(err, boom) {
			t.Errorf("%s: err = %v", c.Name, err)
		}
	}
}

func TestWalkStopsWhenCancelled(t *testing.T) {
	for _, c := range hostileCases() {
		if c.Rule != "" || !strings.Contains(c.Name, "one file") {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Walk(ctx, bytes.NewReader(c.Bytes), int64(len(c.Bytes)), DefaultLimits(), func(*Entry, io.Reader) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: err = %v", c.Name, err)
		}
	}
}

// A disk that fails is no fault of the pack.
func TestWalkTellsReadErrorsFromBadPacks(t *testing.T) {
	for _, c := range hostileCases() {
		if c.Rule != "" {
			continue
		}
		for _, good := range []int64{4, 20, int64(len(c.Bytes)) - 3} {
			src := failingSource{bytes.NewReader(c.Bytes), good}
			_, err := Walk(context.Background(), src, int64(len(c.Bytes)), DefaultLimits(), func(*Entry, io.Reader) error { return nil })
			if !pack.IsKind(err, pack.KindInternal) {
				t.Errorf("%s, %d good bytes: err = %v, want KindInternal", c.Name, good, err)
			}
		}
	}
}

type failingSource struct {
	r    io.ReaderAt
	good int64
}

func (s failingSource) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= s.good {
		return s.r.ReadAt(p, off)
	}
	return 0, errors.New("disk failure")
}
