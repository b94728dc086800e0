package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustUpdate(t *testing.T, home string, change func(*Config)) {
	t.Helper()
	if err := Update(home, func(c *Config) error { change(c); return nil }); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFirstLogin makes folder and file for their owner alone, in the shape that scripts know.
func TestFirstLogin(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a", "home")
	mustUpdate(t, home, func(c *Config) {
		c.Set("http://10.1.1.5:5000/", Credentials{"admin", "secret"}, true)
		c.SetDefault("http://10.1.1.5:5000")
	})
	want := `{
  "auths": {
    "http://10.1.1.5:5000": {
      "auth": "YWRtaW46c2VjcmV0",
      "insecure": true
    }
  },
  "defaultRegistry": "http://10.1.1.5:5000"
}
`
	if diff := cmp.Diff(want, text(t, Path(home))); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	for path, mode := range map[string]os.FileMode{home: 0o700, Path(home): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestUnknownKeysStay, at every depth and with their exact numbers; a file that others could read is closed.
func TestUnknownKeysStay(t *testing.T) {
	path := write(t, `{"z":{"n":12345678901234567890,"s":"a<b>&"},"auths":{"HTTPS://A.test:443":{"auth":"eDp5","insecure":true,"note":[1,2.50]},"b.test":{"auth":"eDp5"}},"defaultRegistry":"b.test"}`)
	mustUpdate(t, filepath.Dir(path), func(c *Config) { c.Set("a.test", Credentials{"admin", "secret"}, false) })
	var got, want any
	if err := errors.Join(
		json.Unmarshal([]byte(text(t, path)), &got),
		json.Unmarshal([]byte(`{"z":{"n":12345678901234567890,"s":"a<b>&"},"auths":{"a.test":{"auth":"YWRtaW46c2VjcmV0","note":[1,2.50]},"b.test":{"auth":"eDp5"}},"defaultRegistry":"b.test"}`), &want),
	); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, exact := range []string{"12345678901234567890", "2.50", "a<b>&"} {
		if !strings.Contains(text(t, path), exact) {
			t.Errorf("%s is gone: %s", exact, text(t, path))
		}
	}
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRemove(t *testing.T) {
	path := write(t, `{"auths":{"https://a.test":{},"A.test:443":{},"b.test":{}},"defaultRegistry":"a.test"}`)
	for i, want := range []bool{true, false} {
		mustUpdate(t, filepath.Dir(path), func(c *Config) {
			if c.Remove("a.test/") != want {
				t.Errorf("time %d: not %v", i, want)
			}
		})
	}
	c, err := Load(path)
	if err != nil || len(c.Servers()) != 1 || c.Servers()[0].Name != "b.test" || c.Default() != "" {
		t.Errorf("%s: %v", text(t, path), err)
	}
}

// TestCredentialsElsewhere leave an entry without auth, which still knows of insecure.
func TestCredentialsElsewhere(t *testing.T) {
	path := write(t, `{"auths":{"a.test":{"auth":"eDp5"}}}`)
	mustUpdate(t, filepath.Dir(path), func(c *Config) { c.Set("a.test", Credentials{}, true) })
	if got := text(t, path); strings.Contains(got, "eDp5") || !strings.Contains(got, `"insecure": true`) {
		t.Error(got)
	}
}

func TestLinkStaysALink(t *testing.T) {
	real, home := write(t, `{}`), t.TempDir()
	if err := os.Symlink(real, Path(home)); err != nil {
		t.Skip(err) // Windows may forbid it
	}
	mustUpdate(t, home, func(c *Config) { c.SetDefault("a.test") })
	if info, err := os.Lstat(Path(home)); err != nil || info.Mode()&os.ModeSymlink == 0 || !strings.Contains(text(t, real), "a.test") {
		t.Errorf("%v, %v, %s", info, err, text(t, real))
	}
}

// TestFailedUpdateLeavesNothing, neither a changed file nor one beside it.
func TestFailedUpdateLeavesNothing(t *testing.T) {
	path := write(t, `{"defaultRegistry":"a.test"}`)
	no := errors.New("no")
	if err := Update(filepath.Dir(path), func(c *Config) error { c.SetDefault("b.test"); return no }); code(err) != "settings_unwritable" {
		t.Error(err)
	}
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 2 || text(t, path) != `{"defaultRegistry":"a.test"}` { // the file and its lock
		t.Errorf("%v, %v: %s", names, err, text(t, path))
	}
	if err := Update(filepath.Join(path, "below a file"), func(*Config) error { return nil }); code(err) != "settings_unwritable" {
		t.Error(err)
	}
}

// TestLoginsAtOnce lets processes and goroutines log in at the same time: none loses another's entry, and who reads
// meanwhile reads a whole file.
func TestLoginsAtOnce(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes, goroutines = 6, 24
	var writers, readers sync.WaitGroup
	for i := range processes {
		writers.Go(func() {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), "SETTINGS_TEST_HOME="+home, fmt.Sprintf("SETTINGS_TEST_LOGIN=process%d.test", i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for i := range goroutines {
		writers.Go(func() {
			err := Update(home, func(c *Config) error {
				c.Set(fmt.Sprintf("goroutine%d.test", i), Credentials{"user", "password"}, false)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	readers.Go(func() {
		for {
			if _, err := Load(Path(home)); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
	c, err := Load(Path(home))
	if err != nil || len(c.Servers()) != processes+goroutines {
		t.Errorf("%d servers, %v", len(c.Servers()), err)
	}
}
