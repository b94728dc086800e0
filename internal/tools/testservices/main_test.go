package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that is started to be used, and not for tests, is not left out.
func TestMissingServiceIsAFailureWithDir(t *testing.T) {
	t.Setenv("CI", "")
	t.Setenv("REGISTRY_TEST_POSTGRES_URL", "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	if code := run([]string{"-dir", filepath.Join(file, "below"), "--", "true"}, &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if !strings.Contains(stderr.String(), "no Postgres") || strings.Contains(stderr.String(), "no S3") {
		t.Errorf("it said %q, want one reason", stderr.String())
	}
}
