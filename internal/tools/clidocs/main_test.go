package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli"
)

func TestReferenceIsWhatTheCommandsSay(t *testing.T) {
	committed, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := cli.WriteReference(&page); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), page.String()); diff != "" {
		t.Errorf("docs/cli.md is stale: run make generate and commit it\n%s", diff)
	}
}
