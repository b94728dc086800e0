package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "packregistry/"

// law says, for the rooms of the house, which rooms of ours their product code
// may import. A room stands for itself and what lies below it; the longest name
// that fits a package counts. See ARCHITECTURE.md.
var law = map[string][]string{
	"internal/pack":                {"internal/pack"},
	"internal/storage":             {"internal/pack", "internal/storage"},
	"internal/db":                  {"internal/pack", "internal/db", "migrations"},
	"internal/registry":            {"internal/pack", "internal/storage!", "internal/db!", "internal/registry"},
	"internal/backup":              {"internal/pack", "internal/storage!", "internal/db!"},
	"internal/importer":            {"internal/pack", "internal/registry!", "internal/db!"},
	"internal/auth":                {"internal/pack"},
	"internal/connect":             {"internal/pack", "internal/registry!", "internal/db!", "internal/palette!"},
	"internal/api":                 {"internal/pack", "internal/registry", "internal/auth", "internal/api", "internal/db!", "internal/connect"},
	"internal/api/legacy":          {"internal/pack", "internal/registry!", "internal/auth", "internal/db!"},
	"internal/doctor":              {},
	"internal/certs":               {},
	"internal/appliance":           {"internal/pack", "internal/auth", "internal/certs", "internal/config", "internal/palette!"},
	"internal/client":              {"internal/pack"},
	"internal/cli":                 {"internal/pack", "internal/client", "internal/cli"},
	"internal/config":              {"internal/pack"},
	"internal/palette":             {"internal/pack"},
	"internal/palette/palettetest": {},
	"internal/server":              {"internal/pack", "internal/config"},
	"internal/testenv":             {},
	"internal/tools":               {"internal/testenv", "internal/pack", "internal/db", "internal/cli", "migrations"},
	"internal/tools/fakepalette":   {"internal/palette/palettetest", "internal/certs"},
	"migrations":                   {},
	"cmd":                          {"internal", "cmd", "migrations"},
	"internal/storage/storagetest": {"internal/pack", "internal/storage!"},
	"internal/db/dbtest":           {"internal/pack", "internal/db", "migrations"},
}

// TestLawOfImports reads the import clauses of all product code. A name that ends in ! in the law means
// that package alone, not the concrete backends below it.
func TestLawOfImports(t *testing.T) {
	seen := map[string]int{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bench" || name == "data") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		room := longest(filepath.ToSlash(rel))
		if room == "" {
			t.Errorf("%s: no room of the law covers this folder", rel)
			return nil
		}
		seen[room]++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, ok := strings.CutPrefix(target, module)
			if ok && ours != filepath.ToSlash(rel) && !allowed(law[room], ours) {
				t.Errorf("%s: %s may not import %s", path, room, target)
			}
			if strings.HasPrefix(target, "github.com/aws/") && room != "internal/storage" && room != "internal/testenv" {
				t.Errorf("%s: the AWS SDK appears nowhere but in internal/storage/s3", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"internal/pack", "internal/storage", "internal/db", "internal/registry", "internal/auth", "internal/api", "cmd"} {
		if seen[room] == 0 {
			t.Errorf("no file of %s was read: the law guards nothing", room)
		}
	}
}

func longest(dir string) string {
	best := ""
	for room := range law {
		if (dir == room || strings.HasPrefix(dir, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func allowed(rooms []string, target string) bool {
	for _, r := range rooms {
		exact, only := strings.CutSuffix(r, "!")
		if target == exact || (!only && strings.HasPrefix(target, exact+"/")) {
			return true
		}
	}
	return false
}
