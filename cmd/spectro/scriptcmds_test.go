package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"packregistry/internal/pack/packtest"
)

// writePack writes a small pack that lints clean: pack NAME VERSION PATH [KEY=VALUE | FILE:CONTENT]...
// A path that ends in .zip, .tar.gz or .tgz becomes an archive, any other a folder. KEY=VALUE sets a string of
// pack.json ("KEY=" removes it), FILE:CONTENT adds a file ("FILE:" removes it).
func writePack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: pack NAME VERSION PATH [KEY=VALUE | FILE:CONTENT]...")
	}
	var opts []packtest.Option
	for _, change := range args[3:] {
		if key, value, ok := strings.Cut(change, "="); ok && !strings.Contains(key, ":") {
			opts = append(opts, packtest.With(key, orNil(value)))
		} else if path, content, ok := strings.Cut(change, ":"); ok && content != "" {
			opts = append(opts, packtest.File(path, content+"\n"))
		} else if ok {
			opts = append(opts, packtest.Without(path))
		} else {
			ts.Fatalf("%q is neither KEY=VALUE nor FILE:CONTENT", change)
		}
	}
	to := ts.MkAbs(args[2])
	ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
	switch {
	case strings.HasSuffix(to, ".zip"):
		ts.Check(os.WriteFile(to, packtest.PackZip(args[0], args[1], opts...), 0o600))
	case strings.HasSuffix(to, ".tar.gz"), strings.HasSuffix(to, ".tgz"):
		ts.Check(os.WriteFile(to, packtest.PackTarGz(args[0], args[1], opts...), 0o600))
	default:
		for path, content := range packtest.Pack(args[0], args[1], opts...) {
			file := filepath.Join(to, filepath.FromSlash(path))
			ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
			ts.Check(os.WriteFile(file, []byte(content), 0o600))
		}
	}
}

func orNil(value string) any {
	if value == "" {
		return nil
	}
	return value
}

// await waits until a file holds a text: await FILE TEXT. The file may be written by a process in the background.
func await(ts *testscript.TestScript, _ bool, args []string) {
	var text []byte
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not hold %q after a minute:\n%s", args[0], args[1], text)
}

// exitCode runs a program and looks at its exit code: code N PROGRAM ARGS...
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s ended with %d instead of %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// trust puts a CA where the whole machine looks for that of a server, until the script has ended: trust FILE SERVER.
func trust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trust FILE SERVER")
	}
	dir := filepath.Join("/etc/spectro/certs.d", args[1])
	ts.Defer(func() {
		_ = os.RemoveAll(dir)
		_ = os.Remove(filepath.Dir(dir)) // when there is nothing else in it
		_ = os.Remove(filepath.Dir(filepath.Dir(dir)))
	})
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "ca.crt"), []byte(ts.ReadFile(args[0])), 0o644))
}
