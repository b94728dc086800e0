package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// licences are the ones that may be compiled in, each with words that stand in its text.
var licences = []struct{ name, words string }{
	{"Apache-2.0", "apache license"},
	{"MIT", "permission is hereby granted, free of charge"},
	{"BSD", "redistribution and use in source and binary forms"},
}

// TestLicences lists the licence of every module that is compiled into the programs.
func TestLicences(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "packregistry/cmd/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := slices.Compact(slices.Sorted(strings.Lines(string(out))))
	n := 0
	for _, line := range modules {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			continue
		}
		n++
		if name := licence(t, fields[2]); name != "" {
			t.Logf("%s %s: %s", fields[0], fields[1], name)
		} else {
			t.Errorf("%s %s: none of the licences that may be compiled in", fields[0], fields[1])
		}
	}
	if n < 10 {
		t.Errorf("only %d modules were looked at", n)
	}
}

func licence(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		low := strings.ToLower(f.Name())
		if !strings.HasPrefix(low, "licen") && !strings.HasPrefix(low, "copying") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Join(strings.Fields(strings.ToLower(string(text))), " ")
		if strings.Contains(plain, "general public license") || strings.Contains(plain, "mozilla public license") {
			return ""
		}
		for _, l := range licences {
			if strings.Contains(plain, l.words) {
				return l.name
			}
		}
	}
	return ""
}
