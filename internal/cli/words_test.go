package cli

import (
	"testing"

	"packregistry/internal/pack"
)

func TestBytesOf(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 52_833: "53 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		1 << 30: "1.1 GB", 1<<63 - 1: "9.2 EB",
	} {
		if got := bytesOf(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(" a\x1b[31m\tb\n\n c\u009b1m "); got != "a [31m b c 1m" {
		t.Errorf("%q", got)
	}
}

func TestShortDigest(t *testing.T) {
	for d, want := range map[pack.Digest]string{"": "", "sha256:00": "sha256:00", "sha256:0123456789abcdef": "sha256:0123456789ab"} {
		if got := shortDigest(d); got != want {
			t.Errorf("%q is %q", d, got)
		}
	}
}

func TestNewTag(t *testing.T) {
	for _, tt := range []struct{ group, label, want string }{
		{"", "stable", "stable"},
		{"LTS", "20.04", "LTS__20.04"},
		{"", "LTS__20.04", "LTS__20.04"},
		{"LTS", "LTS__20.04", "LTS__20.04"},
		{"EOL", "LTS__20.04", ""},
		{"", "not lawful", ""},
		{"", "LTS___20.04", ""},
		{"L_T", "x", ""},
	} {
		if got, err := newTag(tt.group, tt.label); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q in %q is %q, %v", tt.label, tt.group, got, err)
		}
	}
}

func TestIsPath(t *testing.T) {
	for word, want := range map[string]bool{
		".": true, "./a": true, "../a:1": true, "/a": true, "a.zip": true, "dir/a.TGZ": true, "a.tar.gz": true,
		"a": false, "a:1.0": false, "team/edge/a:1.0": false, "a@sha256:00": false,
	} {
		if isPath(word) != want {
			t.Errorf("%q: %t", word, !want)
		}
	}
}
