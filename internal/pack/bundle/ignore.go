package bundle

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"packregistry/internal/pack"
)

// ignoreFile names, at the root of a pack, what its archive leaves out.
const ignoreFile = ".packignore"

// maxIgnore is the longest ignore file, in bytes.
const maxIgnore = 1 << 20

// Litter reports whether a file or directory of that name is what version control, editors and desktops leave
// behind; no archive holds it. Backups such as values.yaml.bak are not: real packs carry them.
func Litter(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".bzr", ".jj", ".idea", ".vscode", ".DS_Store", "__MACOSX", "Thumbs.db", "desktop.ini":
		return true
	}
	swap := strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swo"))
	return swap || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "._") || strings.HasPrefix(name, ".#")
}

// ignored are the patterns of the ignore file; its zero value has none.
type ignored struct {
	patterns *patternmatcher.PatternMatcher
}

// verdict is what the patterns say of a path.
type verdict int

const (
	kept verdict = iota
	// leftOut is for a path that is left out with all below it.
	leftOut
	// onlyBelow is for a path that is left out, while a pattern with ! may bring back what is below it.
	onlyBelow
)

// readIgnore reads the ignore file of a directory; none is no error.
func readIgnore(root *os.Root) (ignored, error) {
	info, err := root.Stat(ignoreFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ignored{}, nil
	case err != nil:
		return ignored{}, unreadable(ignoreFile, err)
	case !info.Mode().IsRegular():
		return ignored{}, pack.Errorf(pack.KindInvalid, "", "%s must be a file", ignoreFile)
	}
	f, err := root.Open(ignoreFile)
	if err != nil {
		return ignored{}, unreadable(ignoreFile, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnore+1))
	if err != nil {
		return ignored{}, unreadable(ignoreFile, err)
	}
	if len(text) > maxIgnore {
		return ignored{}, pack.Errorf(pack.KindInvalid, "", "%s is longer than %d bytes", ignoreFile, maxIgnore)
	}
	lines, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return ignored{}, pack.Wrap(pack.KindInvalid, err, "%s cannot be read: %s", ignoreFile, err)
	}
	for _, line := range lines {
		if err := valid(line); err != nil {
			return ignored{}, pack.Wrap(pack.KindInvalid, err, "%s: %q is no pattern", ignoreFile, line)
		}
	}
	patterns, err := patternmatcher.New(lines)
	if err != nil {
		return ignored{}, pack.Wrap(pack.KindInvalid, err, "%s: %s", ignoreFile, err)
	}
	return ignored{patterns: patterns}, nil
}

// valid tries one pattern: some mistakes show only when it is used.
func valid(pattern string) error {
	m, err := patternmatcher.New([]string{strings.TrimPrefix(pattern, "!")})
	if err == nil {
		_, err = m.MatchesOrParentMatches("a/b")
	}
	return err
}

// match says what becomes of a slash separated path.
func (i ignored) match(path string) (verdict, error) {
	if i.patterns == nil {
		return kept, nil
	}
	matched, err := i.patterns.MatchesOrParentMatches(path)
	switch {
	case err != nil:
		return kept, pack.Wrap(pack.KindInvalid, err, "%s: %s", ignoreFile, err)
	case !matched:
		return kept, nil
	case i.patterns.Exclusions():
		return onlyBelow, nil
	}
	return leftOut, nil
}
