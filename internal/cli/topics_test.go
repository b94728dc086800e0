package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExitCodesAreDocumented reads the constants from the source, so that none is forgotten in the table.
func TestExitCodesAreDocumented(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Exit") {
			codes = append(codes, spec.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	var documented []string
	for _, row := range exitCodes().Rows {
		documented = append(documented, row[0])
	}
	if len(codes) < 10 || fmt.Sprint(codes) != fmt.Sprint(documented) {
		t.Errorf("exit.go has %v, the table %v", codes, documented)
	}
}

// TestEnvironmentIsDocumented looks for every name that the commands read.
func TestEnvironmentIsDocumented(t *testing.T) {
	var table string
	for _, row := range environmentTopic().Rows {
		table += row[0] + " "
	}
	names := regexp.MustCompile(`[gG]etenv\("([A-Z_]+)"\)|env\["([A-Z_]+)"\]`)
	found := 0
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range names.FindAllStringSubmatch(string(text), -1) {
			found++
			// What the system sets by itself is nothing to document.
			if name := m[1] + m[2]; name != "HOME" && name != "USERPROFILE" && name != "WT_SESSION" && !strings.Contains(table, name) {
				t.Errorf("%s reads %s, which the topic environment does not name", path, name)
			}
		}
		return err
	})
	if err != nil || found < 4 {
		t.Errorf("%d names found: %v", found, err)
	}
}
