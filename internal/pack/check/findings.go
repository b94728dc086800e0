package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"packregistry/internal/pack"
)

// Bounds on what is reported, so that a hostile pack cannot make a large answer.
const (
	maxFindings = 100
	maxPointer  = 256 // bytes; a longer pointer is left out
	maxQuoted   = 60  // bytes of a user's text in a message
)

// findings collects what the rules find.
type findings struct {
	list     []pack.Finding
	severity map[string]pack.Severity // by rule
	count    map[pack.Severity]int
}

func newFindings() *findings {
	f := &findings{severity: map[string]pack.Severity{}, count: map[pack.Severity]int{}}
	for _, r := range Rules() {
		f.severity[r.ID] = r.Severity
	}
	return f
}

// add notes a finding of a rule of the table, as long as there is room for one of its severity.
func (f *findings) add(rule, file, pointer, format string, args ...any) {
	severity, known := f.severity[rule]
	if !known {
		severity = pack.SeverityError
	}
	if f.count[severity] >= maxFindings {
		return
	}
	f.count[severity]++
	if len(pointer) > maxPointer {
		pointer = ""
	}
	f.list = append(f.list, pack.Finding{
		Rule: rule, Severity: severity, File: file, Pointer: printable(pointer), Message: fmt.Sprintf(format, args...),
	})
}

// merge takes over what another package found.
func (f *findings) merge(list []pack.Finding) {
	for _, x := range list {
		if f.count[x.Severity] < maxFindings {
			f.count[x.Severity]++
			f.list = append(f.list, x)
		}
	}
}

// sorted gives the findings with errors first, else in the order they were made,
// without doubles, at most maxFindings.
func (f *findings) sorted() []pack.Finding {
	rank := map[pack.Severity]int{pack.SeverityError: 0, pack.SeverityWarning: 1, pack.SeverityInfo: 2}
	slices.SortStableFunc(f.list, func(a, b pack.Finding) int { return rank[a.Severity] - rank[b.Severity] })
	seen := make(map[pack.Finding]bool)
	var out []pack.Finding
	for _, x := range f.list {
		if len(out) < maxFindings && !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

// quote shows a user's text in a message, shortened and with control characters escaped.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = strings.ToValidUTF8(s[:maxQuoted], "") + "..."
	}
	return strconv.Quote(s)
}

// pointer makes an RFC 6901 JSON pointer.
func pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// printable replaces control characters, which a database or terminal may not take.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
