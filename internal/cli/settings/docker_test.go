package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDockerHelper chooses as Docker does.
func TestDockerHelper(t *testing.T) {
	d, err := LoadDocker(write(t, `{"credsStore":"all","credHelpers":{"a.test:5000":"one","https://b.test/v1/":"two","none.test":""},"auths":{"a.test:5000":{}},"x":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]Helper{
		"a.test:5000": "one", "http://A.test:5000/": "one", "a.test": "all", "b.test": "two", "https://b.test:443/packs": "two", "none.test": "", "other.test": "all", "no server": "all",
	} {
		if got := d.Helper(server); got != want {
			t.Errorf("%s: %q instead of %q", server, got, want)
		}
	}
}

func TestDockerCredentials(t *testing.T) {
	d, err := LoadDocker(write(t, `{"auths":{"https://a.test/v1/":{"auth":"YWRtaW46c2VjcmV0"},"b.test":{"auth":"YTpob3N0"},"b.test/packs":{"auth":"YTpwYXRo"},"bad.test":{"auth":"%"},"t.test":{"identitytoken":"x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]Credentials{
		"a.test": {"admin", "secret"}, "b.test": {"a", "host"}, "b.test/packs": {"a", "path"}, "b.test/more": {"a", "host"}, "c.test": {}, "a.test:5000": {}, "t.test": {},
	} {
		if got, err := d.Credentials(server); err != nil || got != want {
			t.Errorf("%s: %+v, %v", server, got, err)
		}
	}
	if _, err := d.Credentials("bad.test"); code(err) != "settings_broken" || !strings.Contains(err.Error(), "auth of bad.test") {
		t.Error(err)
	}
}

func TestDockerFile(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "none"), write(t, "\n")} {
		if d, err := LoadDocker(path); err != nil || d.Helper("a.test") != "" {
			t.Errorf("%q: %v", path, err)
		}
	}
	path := write(t, `{"auths":`)
	if _, err := LoadDocker(path); code(err) != "settings_broken" || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := LoadDocker(t.TempDir()); code(err) != "settings_unreadable" {
		t.Error(err)
	}
}

// TestHelper speaks to a helper that is a process of its own.
func TestHelper(t *testing.T) {
	dir := install(t, "fake", "token", "broken")
	ctx, h, want := t.Context(), Helper("fake"), Credentials{"admin", `a:"b" c`}
	if got, err := h.Get(ctx, "a.test:5000"); err != nil || got != (Credentials{}) {
		t.Errorf("before: %+v, %v", got, err)
	}
	if err := h.Store(ctx, "HTTP://A.test:5000/", want); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "fake-a.test_5000")); err != nil || !strings.Contains(string(text), `"ServerURL":"a.test:5000"`) {
		t.Errorf("%s, %v", text, err)
	}
	if got, err := h.Get(ctx, "a.test:5000"); err != nil || got != want {
		t.Errorf("after: %+v, %v", got, err)
	}
	for range 2 { // there is nothing left the second time
		if err := h.Erase(ctx, "a.test:5000"); err != nil {
			t.Error(err)
		}
	}
	if got, err := h.Get(ctx, "a.test:5000"); err != nil || got != (Credentials{}) {
		t.Errorf("erased: %+v, %v", got, err)
	}
	if got, err := Helper("token").Get(ctx, "a.test"); err != nil || got.Username != "" {
		t.Errorf("token: %+v, %v", got, err)
	}
}

// TestHelperThatTellsAll: what it repeats does not get into logs.
func TestHelperThatTellsAll(t *testing.T) {
	install(t, "chatty")
	for _, secret := range []string{"secret", `se"cr<et`} {
		err := Helper("chatty").Store(t.Context(), "a.test", Credentials{"admin", secret})
		if code(err) != "helper_failed" || !strings.Contains(err.Error(), "is not shown") {
			t.Errorf("%v", err)
		}
	}
}

func TestHelperThatFails(t *testing.T) {
	install(t, "broken")
	for h, want := range map[Helper][2]string{
		"broken": {"helper_failed", "docker-credential-broken failed"}, "missing": {"helper_missing", "docker-credential-missing, which Docker's config.json names, is not there"},
	} {
		_, get := h.Get(t.Context(), "a.test")
		for action, err := range map[string]error{"get": get, "store": h.Store(t.Context(), "a.test", Credentials{"a", "b"}), "erase": h.Erase(t.Context(), "a.test")} {
			if code(err) != want[0] || !strings.Contains(err.Error(), want[1]) {
				t.Errorf("%s %s: %v", h, action, err)
			}
			if h == "broken" && !strings.Contains(err.Error(), "the keyring is locked") {
				t.Errorf("the cause is missing: %v", err)
			}
		}
	}
}
