// Package deploy tries what lies in deploy/: units, packages, the appliance's image. It has no product code.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"packregistry/internal/testenv"
)

// folder is deploy/ of the repository.
const folder = "../../deploy"

// need finds a program; without it the test is skipped, and fails where everything has to be tried.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		testenv.Missing(t, program, err)
	}
	return path
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{folder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func units(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, kind := range []string{"service", "timer"} {
		found, err := filepath.Glob(filepath.Join(folder, "systemd", "*."+kind))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 4 {
		t.Fatalf("only %v", all)
	}
	return all
}

// The server's unit leaves little to attack, and the rest not much.
func TestExposure(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	level := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`)
	// The set-up is root's work by its nature.
	limits := map[string]float64{"pack-registry.service": 2, "pack-registry-init.service": 6}
	for _, unit := range units(t) {
		if filepath.Ext(unit) != ".service" {
			continue
		}
		limit, ok := limits[filepath.Base(unit)]
		if !ok {
			limit = 3
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
		found := level.FindSubmatch(out)
		if found == nil {
			t.Fatalf("%s: %v\n%s", unit, err, out)
		}
		if n, err := strconv.ParseFloat(string(found[1]), 64); err != nil || n > limit {
			t.Errorf("%s is exposed by %s, more than %v:\n%s", unit, found[1], limit, out)
		}
	}
}

// systemd understands every line of every unit.
func TestUnits(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	dir := t.TempDir()
	arguments := []string{"verify", "--man=no"}
	for _, unit := range units(t) {
		// The program need not be installed here.
		text := strings.ReplaceAll(read(t, "systemd", filepath.Base(unit)), "ExecStart=registry ", "ExecStart=/bin/true ")
		path := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(unit) == ".timer" && !slices.Contains(units(t), strings.TrimSuffix(unit, "timer")+"service") {
			t.Errorf("%s starts nothing", unit)
		}
		arguments = append(arguments, path)
	}
	out, err := exec.Command(analyze, arguments...).CombinedOutput()
	// Of other units of this machine it complains too.
	var ours []string
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte(dir)) || bytes.Contains(line, []byte("pack-registry")) {
			ours = append(ours, string(line))
		}
	}
	if len(ours) > 0 {
		t.Errorf("%v\n%s", err, strings.Join(ours, ""))
	}
}

// The account and the folders are made as the server needs them.
func TestAccountAndFolders(t *testing.T) {
	sysusers, tmpfiles := need(t, "systemd-sysusers"), need(t, "systemd-tmpfiles")
	if os.Geteuid() != 0 {
		t.Skip("folders are given to another account by root alone")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ program, file, more string }{{sysusers, "sysusers.conf", ""}, {tmpfiles, "tmpfiles.conf", "--create"}} {
		file, err := filepath.Abs(filepath.Join(folder, "systemd", c.file))
		if err != nil {
			t.Fatal(err)
		}
		arguments := []string{"--root=" + root, file}
		if c.more != "" {
			arguments = append([]string{c.more}, arguments...)
		}
		if out, err := exec.Command(c.program, arguments...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c.program, err, out)
		}
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc", "passwd"))
	if err != nil || !strings.Contains(string(passwd), "pack-registry:") || !strings.Contains(string(passwd), "nologin") {
		t.Errorf("the account: %v\n%s", err, passwd)
	}
	for path, mode := range map[string]os.FileMode{"etc/pack-registry": 0o750, "var/lib/pack-registry": 0o700} {
		fi, err := os.Stat(filepath.Join(root, path))
		if err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, fi, err)
		}
	}
}
