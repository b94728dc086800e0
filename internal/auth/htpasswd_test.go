package auth

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The form htpasswd -B writes (cost 5, $2y$); of no password.
const apacheHash = "$2y$05$abcdefghijklmnopqrstuu5Lx1Xg0HFHj1Zb8mYNPcYk0Q0h5cRH2"

func TestParseHtpasswd(t *testing.T) {
	text := "\ufeff# accounts\r\n\r\nadmin:" + apacheHash + "\r\n  spectro:" + strings.Replace(apacheHash, "2y", "2b", 1) + ":comment\n" +
		"md5:$apr1$abc$def\nplain:secret\nold:" + strings.Replace(apacheHash, "2y", "2x", 1) + "\nnocolon\nadmin:" + apacheHash + "\n" +
		"dear:" + strings.Replace(apacheHash, "$05$", "$31$", 1) + "\n:" + apacheHash + "\nlast:" + strings.Replace(apacheHash, "2y", "2a", 1)
	lines, problems, err := parseHtpasswd(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range lines {
		names = append(names, l.name)
	}
	if got := strings.Join(names, " "); got != "admin spectro last" {
		t.Errorf("usable lines: %s", got)
	}
	if len(problems) != 7 {
		t.Errorf("%d problems: %q", len(problems), problems)
	}
	for _, p := range problems {
		if strings.Contains(p, "$apr1$abc") || strings.Contains(p, "secret") || strings.Contains(p, "abcdefghij") {
			t.Errorf("a problem shows the hash: %s", p)
		}
	}
}

func TestHtpasswdIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "htpasswd")
	write := func(text string) {
		t.Helper()
		// A rename, as editors and Kubernetes do: the inode changes even when size and time do not.
		tmp := filepath.Join(dir, "new")
		if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, path); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	c := newClock()
	write("u:" + hash(t, "one") + "\n")
	a := mustNew(t, Config{Htpasswd: path, Now: c.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	expect(t, "one", login(t, a, "u", "one", "1"), "u reader htpasswd")

	write("u:" + hash(t, "two") + "\n")
	expect(t, "within the second the old one may pass", login(t, a, "u", "one", "1"), "u reader htpasswd")
	c.Advance(time.Second)
	expect(t, "old", login(t, a, "u", "one", "1"), "unauthorized")
	expect(t, "new", login(t, a, "u", "two", "1"), "u reader htpasswd")

	for what, damage := range map[string]func(){
		"missing":    func() { _ = os.Remove(path) },
		"broken":     func() { write("<html>not found</html>\n") },
		"no regular": func() { _ = os.Remove(path); _ = os.Mkdir(path, 0o700) },
	} {
		log.Reset()
		damage()
		for range 3 {
			c.Advance(time.Second)
			expect(t, what, login(t, a, "u", "two", "1"), "u reader htpasswd")
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%s: logged %d times:\n%s", what, n, log.String())
		}
		_ = os.RemoveAll(path)
		write("u:" + hash(t, "two") + "\n")
		c.Advance(time.Second)
		expect(t, what+", mended", login(t, a, "u", "two", "1"), "u reader htpasswd")
	}

	write("")
	c.Advance(time.Second)
	expect(t, "nobody", login(t, a, "u", "two", "1"), "unauthorized")
}

func TestHtpasswdMustBeUsableAtTheStart(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("u:{SHA}abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir, bad} {
		if _, err := New(Config{Htpasswd: path}); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
}
