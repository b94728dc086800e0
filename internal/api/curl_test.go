package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/testenv"
)

// curl runs the real program and returns "status bytes-sent" and the body.
func curl(t *testing.T, stdin string, args ...string) (outcome, body string) {
	t.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		testenv.Missing(t, "curl", err)
	}
	cmd := exec.Command(program, append([]string{"-sS", "--noproxy", "*", "-w", "\n%{http_code} %{size_upload}"}, args...)...)
	if stdin != "" {
		f, err := os.Open(stdin)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = f
	}
	out, err := cmd.CombinedOutput()
	text := string(out)
	i := strings.LastIndexByte(text, '\n')
	if i < 0 {
		t.Fatalf("curl %v: %v %s", args, err, text)
	}
	return text[i+1:], text[:i]
}

// TestCurl is what people type.
func TestCurl(t *testing.T) {
	h := newHouse(t, nil)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("alpha.zip", small("alpha", "1.0.0"))
	next := file("next.zip", small("alpha", "1.1.0"))
	third := file("third.zip", small("alpha", "1.2.0"))
	fits := file("fits.bin", make([]byte, testArchiveLimit-10))
	big := file("big.bin", make([]byte, 48<<20))
	packs := h.URL + "/api/v1/packs"

	for _, c := range []struct {
		name, stdin string
		args        []string
		outcome     string // a prefix of "status bytes-sent"
		body        string
	}{
		{"data-binary", "", []string{"-u", "publisher:pw", "--data-binary", "@" + good, packs}, "201 ", `"name":"alpha"`},
		{"put", "", []string{"-u", "publisher:pw", "-T", next, packs + "/alpha/versions/1.1.0"}, "201 ", `"1.1.0"`},
		{"multipart", "", []string{"-u", "publisher:pw", "-F", "file=@" + third, packs}, "201 ", `"1.2.0"`},
		{"stdin", good, []string{"-u", "publisher:pw", "-X", "POST", "-T", "-", packs}, "200 ", `"1.0.0"`},

		// Refused before the body: not a byte of it is sent.
		{"no credentials, expect", "", []string{"-X", "POST", "-T", fits, packs}, "401 0", "credentials_required"},
		{"reader, expect", "", []string{"-u", "reader:pw", "-X", "POST", "-T", fits, packs}, "403 0", "role_too_low"},
		{"too large, expect", "", []string{"-u", "publisher:pw", "-X", "POST", "-T", big, packs}, "413 0", "archive_too_large"},
		{"bad parameter, expect", "", []string{"-u", "publisher:pw", "-X", "POST", "-T", fits, packs + "?force=true"}, "400 0", "message_required"},
		{"bad namespace, expect", "", []string{"-u", "publisher:pw", "-X", "POST", "-T", fits, packs + "?namespace=NO"}, "400 0", "namespace_invalid"},
		{"no route, expect", "", []string{"-X", "POST", "-T", fits, h.URL + "/nowhere"}, "404 0", "route_not_found"},

		// Refused while the client is sending: it still shows the answer.
		{"no credentials, no expect", "", []string{"-H", "Expect:", "-X", "POST", "-T", big, packs}, "401 ", "credentials_required"},
		{"wrong password, no expect", "", []string{"-u", "publisher:no", "-H", "Expect:", "-X", "POST", "--data-binary", "@" + big, packs}, "401 ", "credentials_invalid"},
		{"too large, no expect", "", []string{"-u", "publisher:pw", "-H", "Expect:", "-X", "POST", "-T", big, packs}, "413 ", "archive_too_large"},
		{"too large, chunked", big, []string{"-u", "publisher:pw", "-H", "Expect:", "-X", "POST", "-T", "-", packs}, "413 ", `"limit":8388608`},
		{"too large, multipart", "", []string{"-u", "publisher:pw", "-F", "file=@" + big, packs}, "413 ", `"limit":8388608`},
		{"no archive", "", []string{"-u", "publisher:pw", "--data-binary", "@" + fits, packs}, "415 ", "unsupported"},
	} {
		outcome, body := curl(t, c.stdin, c.args...)
		if !strings.HasPrefix(outcome, c.outcome) || !strings.Contains(body, c.body) {
			t.Errorf("%s: %s, want %s with %s; %.300s", c.name, outcome, c.outcome, c.body, body)
		}
	}
}

// TestCurlKeepsItsConnection: a small refused body does not cost the connection.
func TestCurlKeepsItsConnection(t *testing.T) {
	h := newHouse(t, nil)
	_, out := curl(t, "", "-v", "-d", "x", h.URL+"/api/v1/packs", "--next", "-sS", "-v", h.URL+"/health")
	if !strings.Contains(out, "Re-using existing connection") || !strings.Contains(out, `{"status":"UP"}`) {
		t.Errorf("%s", out)
	}
}
