package cli

import (
	"fmt"
	"strings"
	"unicode"

	"packregistry/internal/pack"
)

// bytesOf writes a size for people, in units of 1000.
func bytesOf(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for i := range units {
		if f /= 1000; f < 999.5 || i == len(units)-1 {
			if f < 9.95 {
				return fmt.Sprintf("%.1f %cB", f, units[i])
			}
			return fmt.Sprintf("%.0f %cB", f, units[i])
		}
	}
	return ""
}

// shortDigest is enough of a digest to tell versions apart.
func shortDigest(d pack.Digest) string {
	const enough = len("sha256:") + 12
	return string(d[:min(len(d), enough)])
}

// orDash is a text in a table, which has no empty cells.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// oneLine makes text of a pack or a server fit for a line of a terminal: no control characters, no blanks in a row.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if acts(r) {
			return ' '
		}
		return r
	}, s)), " ")
}

// harmless is a name or a cell with all but control characters as it was.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if acts(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// harmlessInText is a character of a text of several lines.
func harmlessInText(r rune) rune {
	if acts(r) && r != '\n' && r != '\t' {
		return unicode.ReplacementChar
	}
	return r
}

// acts reports whether a terminal may act on a character instead of showing it, or shows what follows in another order
// (packjson-control refuses the same in packs; a server may say anything).
func acts(r rune) bool {
	bidi := (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	return unicode.IsControl(r) || bidi
}

// count writes a number and the word for it.
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
