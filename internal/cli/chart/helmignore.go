package chart

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// helmPattern is one line of .helmignore (https://helm.sh/docs/chart_template_guide/helm_ignore_file/).
type helmPattern struct {
	glob   string
	negate bool // ignores what does not match
	dir    bool // only directories
	whole  bool // matches the whole path, else the last part
}

// readHelmIgnore reads .helmignore; what Helm always ignores comes first.
func readHelmIgnore(root *os.Root) ([]helmPattern, error) {
	out := []helmPattern{{glob: "templates/.?*", whole: true}}
	text, err := readFile(root, ".helmignore", maxMeta)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	} else if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var p helmPattern
		line, p.negate = strings.CutPrefix(line, "!")
		line, p.dir = strings.CutSuffix(line, "/")
		p.whole = strings.Contains(line, "/")
		p.glob = strings.TrimPrefix(line, "/")
		if _, err := path.Match(p.glob, "x"); err != nil || strings.Contains(line, "**") {
			return nil, bad("%q in .helmignore is no pattern that Helm knows", line)
		}
		out = append(out, p)
	}
	return out, nil
}

// ignoredBy goes through the patterns as Helm does: the first that says so ignores a path, and none after it brings
// it back.
func ignoredBy(patterns []helmPattern, at string, dir bool) bool {
	for _, p := range patterns {
		name := at
		if !p.whole {
			name = path.Base(at)
		}
		matches, err := path.Match(p.glob, name) // tried when it was read
		matches = matches && err == nil
		switch {
		case p.negate && (p.dir && !dir || !matches):
			return true
		case !p.negate && matches && (dir || !p.dir):
			return true
		}
	}
	return false
}
