package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

// TestMain makes this program two others: a credential helper when it is called as one, and a login when it is told
// to be one.
func TestMain(m *testing.M) {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	switch {
	case strings.HasPrefix(name, "docker-credential-"):
		os.Exit(helper(strings.TrimPrefix(name, "docker-credential-"), os.Args[1]))
	case os.Getenv("SETTINGS_TEST_LOGIN") != "":
		err := Update(os.Getenv("SETTINGS_TEST_HOME"), func(c *Config) error {
			c.Set(os.Getenv("SETTINGS_TEST_LOGIN"), Credentials{"user", "password"}, false)
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper is a credential helper that keeps what it is told in files of the folder HELPER_TEST_DIR. The one named
// broken always fails, the one named chatty fails and repeats what it was told, the one named token keeps identity tokens.
func helper(name, action string) int {
	text, err := io.ReadAll(os.Stdin)
	if err != nil || name == "broken" {
		fmt.Println("the keyring is locked")
		return 1
	}
	if name == "chatty" {
		fmt.Printf("cannot %s %s\n", action, text)
		return 1
	}
	var c struct{ ServerURL, Username, Secret string }
	if action == "store" {
		if err := json.Unmarshal(text, &c); err != nil {
			return 2
		}
	} else {
		c.ServerURL = string(text)
	}
	file := filepath.Join(os.Getenv("HELPER_TEST_DIR"), name+"-"+strings.NewReplacer("/", "_", ":", "_").Replace(c.ServerURL))
	switch action {
	case "store":
		err = os.WriteFile(file, text, 0o600)
	case "erase":
		err = os.Remove(file)
	case "get":
		if name == "token" {
			fmt.Printf(`{"ServerURL":%q,"Username":"<token>","Secret":"t"}`, c.ServerURL)
			return 0
		}
		if text, err = os.ReadFile(file); err == nil {
			fmt.Println(string(text))
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println(notFound)
	}
	if err != nil {
		return 1
	}
	return 0
}

// install puts helpers of the names onto the PATH and gives the folder in which they keep things.
func install(t *testing.T, names ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir, suffix := t.TempDir(), t.TempDir(), ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	for _, n := range names {
		to := filepath.Join(bin, "docker-credential-"+n+suffix)
		if os.Link(self, to) == nil || os.Symlink(self, to) == nil {
			continue
		}
		text, err := os.ReadFile(self)
		if err == nil {
			err = os.WriteFile(to, text, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("HELPER_TEST_DIR", dir)
	return dir
}

// write writes a config.json into a new folder and gives its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is a getenv over pairs.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func code(err error) string {
	var e *pack.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}
