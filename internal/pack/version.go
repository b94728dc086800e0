package pack

import (
	"strconv"
	"strings"
)

// This file orders versions. The order is tolerant (palette-contract 5.3: "1.5",
// "v1.12.0", "23.07.1", "2.0.2-up.3" and "0.30.0-5.5.2026" are all real) and agrees with
// SemVer 2.0.0 section 11 wherever a version is SemVer:
//
//   - a leading "v" is dropped;
//   - the core is the dotted integers at the beginning, of any count and size,
//     leading zeros without meaning, a missing one being zero;
//   - what follows the core, with or without a "-", is a pre-release and sorts
//     below the core alone; its dotted identifiers compare as in SemVer 11.4;
//   - versions that are equal so far compare by their bytes, so that the order is total.

// CompareVersions returns -1, 0 or +1 as a is below, equal to or above b. It is 0
// only for identical strings.
func CompareVersions(a, b string) int {
	return strings.Compare(VersionKey(a), VersionKey(b))
}

// IsPrerelease reports whether v has anything after its dotted integers.
func IsPrerelease(v string) bool { return parseVersion(v).pre }

// VersionKey gives a string of printable ASCII whose byte order is the order of versions
// (in SQL: COLLATE "C" or BINARY). For a version ValidateVersion accepts it has at most about
// 700 bytes; it is defined for every string.
//
// Its form: each core integer as number writes it, without the zeros at the end;
// then "." for a release, or "-", the identifiers and "!" for a pre-release;
// then the version itself. Each mark sorts below everything that may stand in its place
// in a higher version.
func VersionKey(v string) string {
	p := parseVersion(v)
	for len(p.core) > 0 && p.core[len(p.core)-1] == "" {
		p.core = p.core[:len(p.core)-1]
	}
	var b strings.Builder
	b.Grow(2*len(v) + 16)
	for _, n := range p.core {
		writeNumber(&b, n)
	}
	if p.pre {
		b.WriteByte('-')
		for id := range strings.SplitSeq(p.rest, ".") {
			writeIdentifier(&b, id)
		}
		b.WriteByte('!')
	} else {
		b.WriteByte('.')
	}
	writeEscaped(&b, v)
	return b.String()
}

// parsedVersion is a version cut up. Core integers are without leading zeros, so
// that zero is "".
type parsedVersion struct {
	core []string
	pre  bool
	rest string // the pre-release without the "-" or "." before it
}

func parseVersion(v string) parsedVersion {
	s := v
	if len(s) > 1 && s[0] == 'v' && isDigit(s[1]) {
		s = s[1:]
	}
	var p parsedVersion
	for {
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == 0 {
			break
		}
		p.core = append(p.core, strings.TrimLeft(s[:n], "0"))
		s = s[n:]
		if len(s) < 2 || s[0] != '.' || !isDigit(s[1]) {
			break
		}
		s = s[1:]
	}
	p.pre = s != ""
	if p.pre && (s[0] == '-' || s[0] == '.') {
		s = s[1:]
	}
	p.rest = s
	return p
}

// writeNumber writes an integer so that bytes sort as values do, whatever its
// size: the count of digits of its length, its length, its digits.
func writeNumber(b *strings.Builder, digits string) {
	n := strconv.Itoa(len(digits))
	b.WriteString(strconv.Itoa(len(n)))
	b.WriteString(n)
	b.WriteString(digits)
}

// writeIdentifier writes a pre-release identifier: numbers ("0...") below words
// ("1...,"); "," ends a word because it sorts below all a word may hold.
func writeIdentifier(b *strings.Builder, id string) {
	if id != "" && strings.Trim(id, "0123456789") == "" {
		b.WriteByte('0')
		writeNumber(b, strings.TrimLeft(id, "0"))
		return
	}
	b.WriteByte('1')
	writeEscaped(b, id)
	b.WriteByte(',')
}

// writeEscaped writes s; bytes no valid version has become "~" and two hex digits.
func writeEscaped(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		c := s[i]
		if isAlnum(c) || c == '.' || c == '_' || c == '-' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'~', hex[c>>4], hex[c&15]})
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}
