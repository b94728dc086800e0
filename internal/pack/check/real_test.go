package check_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
)

// shared is the checker of all tests: compiling the schema costs more than most of them.
var shared = sync.OnceValues(func() (*check.Checker, error) { return check.New(archive.DefaultLimits()) })

func checker(tb testing.TB) *check.Checker {
	tb.Helper()
	c, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Every real pack is accepted, and what is said of some is known.
func TestRealPacksAreAccepted(t *testing.T) {
	zips := packtest.RealPacks(t)
	if len(zips) < 117 && os.Getenv("PACKS_DIR") == "" {
		t.Errorf("%d real packs, want at least 117", len(zips))
	}
	c := checker(t)
	warned := map[string]bool{}
	for _, path := range zips {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		r, err := c.Inspect(context.Background(), f, st.Size())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Findings {
			if x.Severity == pack.SeverityError {
				t.Errorf("%s: %+v", name, x)
			}
			t.Logf("%s: %s %s %s%s: %s", name, x.Severity, x.Rule, x.File, x.Pointer, x.Message)
			warned[x.Rule+" "+name] = true
		}
		if r.Metadata.Name == "" || !strings.HasPrefix(r.ContentDigest, "h1:") || len(r.Files) < 3 {
			t.Errorf("%s: incomplete report: %q %q, %d files", name, r.Metadata.Name, r.ContentDigest, len(r.Files))
		}
	}
	for _, want := range []string{
		"path-directory haproxy-unified-gateway-1.0.1.zip",
		"schema-odd gridlight-1.1.3.zip",
		"version-v weka-operator-v1.8.7.zip",
		"values-empty kubebench-0.16.7.zip",
		"readme-missing fluentbit-1.3.5.zip",
	} {
		if os.Getenv("PACKS_DIR") == "" && !warned[want] {
			t.Errorf("no finding %s", want)
		}
	}
}
