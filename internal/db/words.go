package db

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxWordBytes is the length at which a word is cut, in bytes of UTF-8. Words
// that begin alike for so long are the same word to the search.
const MaxWordBytes = 64

// Words cuts text into the words that are searched: NFKC, case folded, split at
// everything that is no letter, no number and no mark upon one, each cut at MaxWordBytes. It
// keeps order and doubles. Both databases index and ask with these words only, so
// that no tokenizer of theirs can make one find what the other does not.
func Words(text string) []string {
	words := strings.FieldsFunc(fold(text), func(r rune) bool {
		return r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.N, unicode.M)
	})
	for i, w := range words {
		words[i] = cut(w, MaxWordBytes)
	}
	return words
}

// DistinctWords gives the first limit different words of text, which is cut at
// maxBytes before. It bounds what one README can put into the index.
func DistinctWords(text string, maxBytes, limit int) []string {
	seen := make(map[string]struct{})
	var out []string
	for _, w := range Words(cut(text, maxBytes)) {
		if len(out) == limit {
			break
		}
		if _, ok := seen[w]; !ok {
			seen[w] = struct{}{}
			out = append(out, w)
		}
	}
	return out
}

// fold gives text one spelling: compatibility forms are replaced, case is gone.
// The second normalisation is needed because folding may undo the first.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Map(foldCherokee, norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text))))
}

// foldCherokee folds the one script that folds to its capitals (Unicode CaseFolding.txt). cases.Fold swaps its two
// cases instead.
func foldCherokee(r rune) rune {
	switch {
	case r >= 0xAB70 && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	case r >= 0x13F8 && r <= 0x13FD:
		return r - 8
	}
	return r
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
