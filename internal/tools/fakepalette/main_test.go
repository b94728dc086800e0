package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/palette"
)

// TestServes starts it in a folder and speaks to it with what it prints, by each of its logins.
func TestServes(t *testing.T) {
	env := map[string]string{"FAKE_PALETTE_API_KEY": "key", "FAKE_PALETTE_PASSWORD": "pw"}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(run([]string{"-dir", t.TempDir()}, func(k string) string { return env[k] }, w, io.Discard))
	}()
	lines := bufio.NewReader(r)
	var url, ca, key string
	for _, to := range []struct {
		word string
		at   *string
	}{{"url", &url}, {"ca", &ca}, {"api-key", &key}} {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(line, to.word+" %s", to.at); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	if key != "key" {
		t.Errorf("the key is %q", key)
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []palette.Login{
		{APIKey: palette.Secret(key)}, {User: "tenant@example.com", Password: "pw"}, {User: "admin", Password: "pw", System: true},
	} {
		c, err := palette.New(palette.Options{URL: url, CA: pem, Login: login, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.List(context.Background(), palette.KindPack); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}

func TestRefuses(t *testing.T) {
	none := func(string) string { return "" }
	bad := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{}, {"-dir", t.TempDir(), "-addr", "0.0.0.0:0"}, {"-dir", t.TempDir(), "-addr", "x"}, {"-dir", t.TempDir(), "-ca", bad}, {"-x"},
	} {
		if err := run(args, none, io.Discard, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
