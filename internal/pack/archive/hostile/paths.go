package hostile

import (
	"bytes"
	"fmt"
	"strings"
)

// paths are archives of both forms with bad names. Long names are put into tars
// by a pax header, so that the same names can be tried in both.
func paths() []Case {
	deep := strings.TrimSuffix(strings.Repeat("d/", 65), "/")
	long := strings.TrimSuffix(strings.Repeat(strings.Repeat("x", 127)+"/", 9), "/")
	var cases []Case
	for _, p := range []struct {
		what, rule string
		names      []string
	}{
		{"parent", "archive-path-traversal", []string{"../a.txt"}},
		{"parent inside", "archive-path-traversal", []string{"a/../../b.txt"}},
		{"parent at the end", "archive-path-traversal", []string{"a/.."}},
		{"parent directory entry", "archive-path-traversal", []string{"../"}},
		{"only dot", "archive-path-traversal", []string{"."}},
		{"dot inside", "archive-path-traversal", []string{"a/./b.txt"}},
		{"dot twice", "archive-path-traversal", []string{"././a.txt"}},
		{"absolute", "archive-path-absolute", []string{"/etc/passwd"}},
		{"two slashes before", "archive-path-absolute", []string{"//server/share"}},
		{"backslash", "archive-path-backslash", []string{`dir\a.txt`}},
		{"backslash parent", "archive-path-backslash", []string{`..\..\a.txt`}},
		{"drive", "archive-path-colon", []string{"C:/a.txt"}},
		{"alternate stream", "archive-path-colon", []string{"a.txt:hidden"}},
		{"newline", "archive-path-control", []string{"a\nb.txt"}},
		{"escape", "archive-path-control", []string{"a\x1b[2Jb.txt"}},
		{"delete", "archive-path-control", []string{"a\x7fb.txt"}},
		{"C1 control", "archive-path-control", []string{"a\u0085b.txt"}},
		{"empty part", "archive-path-empty", []string{"a//b.txt"}},
		{"empty part at the end", "archive-path-empty", []string{"a//"}},
		{"empty after dot", "archive-path-absolute", []string{"/"}},
		{"long part", "archive-path-long", []string{strings.Repeat("x", 256)}},
		{"long path", "archive-path-long", []string{long}},
		{"very long path", "archive-path-long", []string{strings.Repeat("x/", 5000) + "y"}},
		{"deep", "archive-path-deep", []string{deep}},
		{"not UTF-8", "archive-path-utf8", []string{"caf\xe9.txt"}},
		{"overlong UTF-8", "archive-path-utf8", []string{"..\xc0\xafa.txt"}},
		{"surrogate", "archive-path-utf8", []string{"a\xed\xa0\x80.txt"}},
		{"twice", "archive-path-duplicate", []string{"a.txt", "b.txt", "a.txt"}},
		{"twice with dot", "archive-path-duplicate", []string{"a.txt", "./a.txt"}},
		{"directory twice", "archive-path-duplicate", []string{"a/", "a/"}},
		{"case", "archive-path-case", []string{"Readme.md", "README.md"}},
		{"case of a directory", "archive-path-case", []string{"Charts/a.tgz", "charts/b.tgz"}},
		{"case of a directory entry", "archive-path-case", []string{"Charts/", "charts/b.tgz"}},
		{"case beyond ASCII", "archive-path-case", []string{"\u00c4.txt", "\u00e4.txt"}},
		{"sharp kelvin", "archive-path-case", []string{"k.txt", "\u212a.txt"}},
		{"Unicode form", "archive-path-case", []string{"\u00e9.txt", "e\u0301.txt"}},
		{"Unicode form and case", "archive-path-case", []string{"\u00c9.txt", "e\u0301.txt"}},
		{"file, then directory", "archive-path-file-and-directory", []string{"a", "a/b.txt"}},
		{"directory, then file", "archive-path-file-and-directory", []string{"a/b.txt", "a"}},
		{"file and directory entry", "archive-path-file-and-directory", []string{"a", "a/"}},
		{"deep file and directory", "archive-path-file-and-directory", []string{"x/y/z", "x/y/z/a"}},
	} {
		var members []member
		var entries []entry
		for _, n := range p.names {
			members = append(members, member{name: n, data: dataOf(n), flags: 1 << 11})
			e := entry{name: n, data: dataOf(n)}
			if len(n) > 100 {
				entries = append(entries, paxHeader('x', record("path", n)))
				e.name = "long"
			}
			entries = append(entries, e)
		}
		cases = append(cases,
			Case{Name: "zip/path/" + p.what, Rule: p.rule, Bytes: zipOf(members...)},
			Case{Name: "tar/path/" + p.what, Rule: p.rule, Bytes: tarOf(entries...)})
	}
	// A zero byte ends a name in a tar's header, and a name can be missing there.
	return append(cases,
		Case{Name: "zip/path/zero byte", Rule: "archive-path-control", Bytes: zipOf(file("a.txt\x00.png"))},
		Case{Name: "zip/path/no name", Rule: "archive-path-empty", Bytes: zipOf(file(""))},
		Case{Name: "tar/path/no name", Rule: "archive-path-empty", Bytes: tarOf(tarFile(""))})
}

// dataOf is content for a name; directories have none.
func dataOf(name string) string {
	if strings.HasSuffix(name, "/") {
		return ""
	}
	return "content of " + name
}

// limits are archives that hold too much, some of them under limits of their own.
func limits() []Case {
	zeros := strings.Repeat("\x00", 300<<10)
	var members []member
	var entries []entry
	for i := range 11 {
		members = append(members, member{name: fmt.Sprintf("f%d", i)})
		entries = append(entries, entry{name: fmt.Sprintf("f%d", i)})
	}
	var dirs []member
	for i := range 5 {
		dirs = append(dirs, member{name: fmt.Sprintf("%d/a/b/c/d/e", i)})
	}
	var globals []entry
	for range 11 {
		globals = append(globals, paxHeader('g', record("comment", "x")))
	}
	empty := bytes.Repeat(gz(nil), 3000)
	var names []member
	for i := range 9000 {
		names = append(names, member{name: fmt.Sprintf("%s/%s/%s/%s/%d", pad(i), pad(i), pad(i), pad(i), i)})
	}
	huge := member{name: "a.txt", data: text, central: func(h *header) { h.size = 0xfffffffe }}
	return []Case{
		{Name: "zip/too many entries", Rule: "archive-limit-entries", Entries: 10, Bytes: zipOf(members...)},
		{Name: "tar/too many entries", Rule: "archive-limit-entries", Entries: 10, Bytes: tarOf(entries...)},
		{Name: "tar/too many global headers", Rule: "archive-limit-entries", Entries: 10, Bytes: tarOf(globals...)},
		{Name: "zip/too many directories", Rule: "archive-limit-entries", Entries: 10, Bytes: zipOf(dirs...)},
		{Name: "zip/unpacks to too much", Rule: "archive-limit-unpacked", Unpacked: 200 << 10, Bytes: zipOf(member{name: "a", data: zeros})},
		{Name: "zip/unpacks to too much together", Rule: "archive-limit-unpacked", Unpacked: 500 << 10, Bytes: zipOf(member{name: "a", data: zeros}, member{name: "b", data: zeros})},
		{Name: "zip/tells of too much", Rule: "archive-limit-unpacked", Bytes: zipOf(huge)},
		{Name: "tar/unpacks to too much", Rule: "archive-limit-unpacked", Unpacked: 200 << 10, Bytes: tarOf(entry{name: "a", data: zeros})},
		{Name: "tar/tells of too much", Rule: "archive-limit-unpacked", Bytes: tarOf(entry{name: "a", size: "77777777777"})},
		{Name: "tar/too many zero blocks at the end", Rule: "archive-limit-unpacked", Unpacked: 200 << 10, Bytes: gz(append(rawTar(tarFile("a")), zeros...))},
		{Name: "tar/too much in pax headers", Rule: "archive-limit-unpacked", Unpacked: 1000, Bytes: tarOf(paxHeader('x', record("comment", strings.Repeat("x", 2000))), entry{name: "a"})},
		{Name: "tar/too many gzip members", Rule: "archive-limit-members", Entries: 10, Bytes: append(empty, tarOf(entry{name: "a"})...)},
		{Name: "zip/too many bytes of names", Rule: "archive-limit-paths", Bytes: zipOf(names...)},
	}
}

// pad is a long part of a path.
func pad(i int) string { return fmt.Sprintf("%0240d", i%7) }
