package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

func TestHome(t *testing.T) {
	user := "HOME"
	if runtime.GOOS == "windows" {
		user = "USERPROFILE"
	}
	for _, c := range []struct {
		asked string
		env   []string
		want  string
	}{
		{"", []string{user, "u"}, filepath.Join("u", ".spectro")},
		{"", []string{user, "u", "SPECTRO_HOME", "s"}, "s"},
		{"f", []string{user, "u", "SPECTRO_HOME", "s"}, "f"},
		{"", nil, ""},
	} {
		if got := Home(c.asked, environment(c.env...)); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for want, env := range map[string][]string{
		filepath.Join("u", ".docker", "config.json"): {user, "u"}, filepath.Join("d", "config.json"): {user, "u", "DOCKER_CONFIG", "d"}, "": nil,
	} {
		if got := DockerPath(environment(env...)); got != want {
			t.Errorf("%v: %q", env, got)
		}
	}
}

func TestCertNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has other names")
	}
	for server, want := range map[string][]string{
		"packs.test":                 {"packs.test", "packs.test:443"},
		"https://Packs.Test:443/a/b": {"Packs.Test:443", "packs.test", "packs.test:443"},
		"packs.test:5000/":           {"packs.test:5000"},
		"[2001:DB8::1]:5000":         {"[2001:DB8::1]:5000", "[2001:db8::1]:5000"},
	} {
		got, err := CertNames(server)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", server, err, diff)
		}
	}
	for _, server := range []string{"..", "../x", "a/../..", ""} {
		names, err := CertNames(server)
		for _, n := range names {
			if filepath.Base(n) != n || n == ".." {
				t.Errorf("%q: %q leads elsewhere", server, n)
			}
		}
		if server != "a/../.." && !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestCAFiles(t *testing.T) {
	system, own := t.TempDir(), t.TempDir()
	names, err := CertNames("https://packs.test/")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, place := range []string{filepath.Join(system, names[0]), filepath.Join(own, names[len(names)-1])} {
		if err := os.MkdirAll(place, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(place, "ca.crt")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		want = append(want, file)
	}
	got, err := CAFiles([]string{system, own}, "https://packs.test/")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := CAFiles([]string{system, own}, "other.test"); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}
