package packtest

import (
	"os"
	"path/filepath"
	"testing"
)

// RealPacks lists the zips of the folder named by PACKS_DIR, by default the one
// beside the module root. It skips the test when the folder is not there.
func RealPacks(tb testing.TB) []string {
	tb.Helper()
	dir := os.Getenv("PACKS_DIR")
	if dir == "" {
		dir = filepath.Join(ModuleRoot(tb), "..", "shared", "packs")
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no folder of real packs: %v", err)
	}
	zips, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil || len(zips) == 0 {
		tb.Fatalf("the folder of real packs holds no zip (%v)", err)
	}
	return zips
}

// Every gives every nth of the items, for tests that take long over each; with
// REGISTRY_TEST_FULL=1 (make test-full) it gives all.
func Every[T any](nth int, items []T) []T {
	if os.Getenv("REGISTRY_TEST_FULL") != "" {
		return items
	}
	var some []T
	for i := 0; i < len(items); i += nth {
		some = append(some, items[i])
	}
	return some
}

// ModuleRoot is the directory of go.mod, found from the working directory up.
func ModuleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			tb.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Dir reads a directory of plain files, such as testdata/packs/hello-manifest.
func Dir(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// Example reads testdata/packs/<name>.
func Example(tb testing.TB, name string) map[string]string {
	tb.Helper()
	return Dir(tb, filepath.Join(ModuleRoot(tb), "testdata", "packs", name))
}
