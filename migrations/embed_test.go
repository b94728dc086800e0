package migrations_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"packregistry/migrations"
)

// TestSteps holds the folders to the rules in the package comment that a machine can check.
func TestSteps(t *testing.T) {
	form := regexp.MustCompile(`^\d{6}_[a-z0-9_]+\.(up|down)\.sql$`)
	transaction := regexp.MustCompile(`(?im)^\s*(BEGIN|COMMIT|ROLLBACK)\b\s*(TRANSACTION|WORK)?\s*;|CONCURRENTLY`)
	counterpart := strings.NewReplacer(".up.", ".down.", ".down.", ".up.")
	for dir, other := range map[string]string{"postgres": "sqlite", "sqlite": "postgres"} {
		entries, err := fs.ReadDir(migrations.FS, dir)
		if err != nil || len(entries) == 0 {
			t.Fatalf("%s: %d steps, %v", dir, len(entries), err)
		}
		for _, e := range entries {
			name := e.Name()
			if !form.MatchString(name) {
				t.Errorf("%s/%s is not called NNNNNN_title.up.sql or .down.sql", dir, name)
			}
			for _, need := range []string{dir + "/" + counterpart.Replace(name), other + "/" + name} {
				if _, err := fs.Stat(migrations.FS, need); err != nil {
					t.Errorf("%s/%s has no counterpart %s", dir, name, need)
				}
			}
			text, err := fs.ReadFile(migrations.FS, dir+"/"+name)
			if err != nil {
				t.Fatal(err)
			}
			if len(strings.TrimSpace(string(text))) == 0 {
				t.Errorf("%s/%s is empty", dir, name)
			}
			if at := transaction.Find(text); at != nil {
				t.Errorf("%s/%s has %q: all steps run in one transaction", dir, name, at)
			}
		}
	}
}
