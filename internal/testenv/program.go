package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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

// Tool finds a program that the tests compare with: the one that scripts/tools.sh has put below .tools, else that of the
// machine. Without any the test ends as with a missing service (see Missing).
func Tool(t testing.TB, name string) string {
	t.Helper()
	if root, err := moduleRoot(); err == nil {
		path := filepath.Join(root, ".tools", "bin", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, fmt.Errorf("%w; scripts/services.sh installs it", err))
	}
	return path
}
