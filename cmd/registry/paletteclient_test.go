package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/config"
)

// What cannot be used is told by the setting that has it.
func TestPaletteSettings(t *testing.T) {
	noCA := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(noCA, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, ca, want string
	}{
		{"https://palette.example.com", noCA, "palette.ca: "},
		{"https://palette.example.com", noCA + ".none", "palette.ca: "},
		{"http://palette.example.com", "", "palette.url: "},
	} {
		err := checkPalette(&config.Config{Palette: config.Palette{URL: c.url, CA: c.ca, APIKey: "k"}})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
