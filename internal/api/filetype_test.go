package api

import (
	"mime"
	"testing"
)

func TestFileType(t *testing.T) {
	for _, c := range []struct {
		name, wanted, mediaType string
		inline                  bool
	}{
		{"logo.png", "", "image/png", true},
		{"logo.PNG", "", "image/png", true},
		{"logo.png", "image/webp", "image/webp", true},
		{"logo.png", "text/html", "image/png", true},
		{"logo.png", "image/svg+xml", "image/png", true},
		{"evil.html", "image/png", octetStream, false},
		{"evil.svg", "image/svg+xml", octetStream, false},
		{"evil.xhtml", "text/html", octetStream, false},
		{"values.yaml", "", plainText, true},
		{"pack.json", "image/png", plainText, true},
		{"LICENSE", "", plainText, true},
		{"chart.tgz", "", octetStream, false},
		{"x.js", "", octetStream, false},
	} {
		mediaType, inline := fileType(c.name, c.wanted)
		if mediaType != c.mediaType || inline != c.inline {
			t.Errorf("%s wanted as %q: %s %v", c.name, c.wanted, mediaType, inline)
		}
	}
}

func TestIsLogo(t *testing.T) {
	for name, want := range map[string]bool{"logo.png": true, "Logo.PNG": true, "logo.svg": false, "a/logo.png": false, "values.yaml": false, "logo": false} {
		if isLogo(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestDisposition reads the header back as a client would.
func TestDisposition(t *testing.T) {
	for _, name := range []string{"argo-cd-1.0.0.zip", `a"b.zip`, "ü ä.txt", "a;b.txt", "100%.md", "new\nline", `back\slash`} {
		kind, params, err := mime.ParseMediaType(disposition(name, false))
		if err != nil || kind != "attachment" || params["filename"] != name {
			t.Errorf("%q: %q %v %v", name, disposition(name, false), params, err)
		}
	}
}
