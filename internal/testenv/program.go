package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildRegistry builds the server, static as it is shipped, into a folder of its own, which is removed with it. For a test program
// that wants it once: sync.OnceValues(testenv.BuildRegistry).
func BuildRegistry() (program string, err error) {
	dir, err := os.MkdirTemp("", "registry-test-")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "registry")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "packregistry/cmd/registry")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		RemoveProgram(program)
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return program, nil
}

// RemoveProgram removes what BuildRegistry has made; "" is nothing.
func RemoveProgram(program string) {
	if program != "" {
		_ = os.RemoveAll(filepath.Dir(program))
	}
}
