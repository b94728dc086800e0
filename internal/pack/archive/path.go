package archive

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"packregistry/internal/pack"
)

// The bounds of a path (design section 9). maxPathBytes is for all paths together,
// so that names alone cannot fill the memory.
const (
	maxPath      = 1024
	maxPart      = 255
	maxDepth     = 64
	maxPathBytes = 8 << 20
)

// cleanPath is the only place where a name from an archive becomes a path: one
// leading "./" and, of a directory, one trailing slash go; all else that is not
// already clean is refused. The root directory itself becomes "". The finding is
// nil when the name is good.
func cleanPath(name string, dir bool) (string, *pack.Finding) {
	bad := func(rule, format string, args ...any) (string, *pack.Finding) {
		f := finding(rule, name, format, args...)
		return "", &f
	}
	shown := show(name)
	switch {
	case name == "":
		return bad(RuleEmptyPath, "an entry has no name; give it one")
	case len(name) > maxPath+len("./")+len("/"):
		return bad(RuleLongPath, "the path %q is longer than %d bytes; shorten it", shown, maxPath)
	case !utf8.ValidString(name):
		return bad(RuleUTF8, "the path %q is not UTF-8; rename it or pack again with a tool that writes UTF-8 names", shown)
	case strings.ContainsFunc(name, unicode.IsControl):
		return bad(RuleControl, "the path %q has a control character; rename it", shown)
	case strings.Contains(name, `\`):
		return bad(RuleBackslash, "the path %q has a backslash; pack again with a tool that separates folders with /", shown)
	case name[0] == '/':
		return bad(RuleAbsolute, "the path %q is absolute; pack again from inside the pack's folder", shown)
	case strings.Contains(name, ":"):
		return bad(RuleColon, "the path %q has a colon, which some systems cannot store; rename it", shown)
	}
	p := strings.TrimPrefix(name, "./")
	if dir {
		if p == "" || p == "." {
			return "", nil
		}
		p = strings.TrimSuffix(p, "/")
	}
	if len(p) > maxPath {
		return bad(RuleLongPath, "the path %q is longer than %d bytes; shorten it", shown, maxPath)
	}
	depth := 0
	for part := range strings.SplitSeq(p, "/") {
		depth++
		switch {
		case part == "":
			return bad(RuleEmptyPath, "the path %q has an empty part; pack again without doubled slashes", shown)
		case part == "." || part == "..":
			return bad(RuleTraversal, "the path %q has the part %q; pack again from inside the pack's folder", shown, part)
		case len(part) > maxPart:
			return bad(RuleLongPath, "a part of the path %q is longer than %d bytes; shorten it", shown, maxPart)
		}
	}
	if depth > maxDepth {
		return bad(RuleDeepPath, "the path %q is more than %d folders deep; flatten it", shown, maxDepth)
	}
	return p, nil
}

// foldPath maps paths that a case-insensitive or normalising file system takes
// for one onto one string: simple case folding between canonical forms.
func foldPath(p string) string {
	ascii := true
	for i := range len(p) {
		if p[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(p)
	}
	return norm.NFC.String(strings.Map(foldRune, norm.NFD.String(p)))
}

// foldRune is the smallest rune of r's folding orbit.
func foldRune(r rune) rune {
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	return unicode.ToLower(least)
}

// node is what the tree knows of one path.
type node struct {
	path    string
	dir     bool
	implied bool // a directory that only the paths below it speak of
}

// tree is the set of an archive's paths, to find those that collide.
type tree struct {
	maxDirs int // implied directories
	dirs    int
	bytes   int
	nodes   map[string]node // by folded path
}

func newTree(maxDirs int) *tree { return &tree{maxDirs: maxDirs, nodes: map[string]node{}} }

// add takes a clean path. The finding is nil when nothing collides.
func (t *tree) add(p string, dir bool) *pack.Finding {
	bad := func(rule, format string, args ...any) *pack.Finding {
		f := finding(rule, p, format, args...)
		return &f
	}
	if t.bytes += len(p); t.bytes > maxPathBytes {
		return bad(RuleLimitPaths, "the paths of the archive are over %d bytes together; shorten them or pack fewer files", maxPathBytes)
	}
	// Folding may change a part's length but never adds or removes a slash, so
	// both strings are cut at their n-th slash together.
	folded := foldPath(p)
	for i, j := 0, 0; ; i, j = i+1, j+1 {
		ni, nj := strings.IndexByte(p[i:], '/'), strings.IndexByte(folded[j:], '/')
		last := ni < 0
		if last {
			i, j = len(p), len(folded)
		} else {
			i, j = i+ni, j+nj
		}
		path, key := p[:i], folded[:j]
		old, ok := t.nodes[key]
		now := node{path: path, dir: !last || dir, implied: !last}
		switch {
		case !ok:
			if now.implied {
				if t.dirs++; t.dirs > t.maxDirs {
					return bad(RuleLimitEntries, "the archive has more than %d directories; pack fewer", t.maxDirs)
				}
			}
			t.nodes[key] = now
		case old.path != path:
			return bad(RuleCase, "the paths %q and %q differ only in case or Unicode form; rename one", show(old.path), show(path))
		case old.dir != now.dir:
			return bad(RuleFileDir, "the path %q is a file and a directory; rename one", show(path))
		case !last:
		case old.implied:
			t.nodes[key] = now
		default:
			return bad(RuleDuplicate, "the path %q is there twice; pack again into a new archive", show(path))
		}
		if last {
			return nil
		}
	}
}
