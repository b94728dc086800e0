package db

import "strings"

// TypoLetters is the number of letters from which a name, or a word of one, is
// also found with a typo.
const TypoLetters = 5

// typoReach is the number of trigrams of a text that one typo can take away:
// two swapped letters lie in four trigrams, a changed one in three, a missing
// or extra one in fewer.
const typoReach = 4

// ProbeGrams is the number of different trigrams of a text of which every form
// one typo away has at least one: one more than a typo can take away. So it is enough to
// look for any ProbeGrams of them (the rarest), and nothing is missed.
const ProbeGrams = typoReach + 1

// Letters is text as typos are judged: its words put together, so that
// separators do not count ("argo-cd" is "argocd").
func Letters(text string) string { return strings.Join(Words(text), "") }

// TypoForms lists what of a name is compared with a mistyped text: all its
// letters and, when it has several words, each word; only those of TypoLetters or more.
func TypoForms(name string) []string {
	words := Words(name)
	forms := make([]string, 0, len(words)+1)
	if len(words) > 1 {
		forms = append(forms, strings.Join(words, ""))
	}
	forms = append(forms, words...)
	kept, seen := forms[:0], make(map[string]bool)
	for _, f := range forms {
		if !seen[f] && runeCount(f) >= TypoLetters {
			seen[f] = true
			kept = append(kept, f)
		}
	}
	return kept
}

// Grams lists the different trigrams of a form, padded on both sides so that its
// ends count like its middle: a form of n letters has at most n+2, and one of
// four letters or more at least ProbeGrams.
func Grams(form string) []string {
	letters := []rune("^^" + form + "$$")
	grams := make([]string, 0, len(letters)-2)
	seen := make(map[string]bool, len(letters)-2)
	for i := range len(letters) - 2 {
		if g := string(letters[i : i+3]); !seen[g] {
			seen[g] = true
			grams = append(grams, g)
		}
	}
	return grams
}

// OneTypo reports whether a becomes b by nothing or by one typo: a letter
// changed, missing, extra, or swapped with its neighbour (optimal string alignment distance of at most one).
func OneTypo(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 {
		return false
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	x, y = x[i:], y[i:]
	if len(x) < len(y) { // one extra in y
		return equal(x, y[1:])
	}
	if len(x) == 0 || equal(x[1:], y[1:]) { // the same, or one changed
		return true
	}
	return len(x) > 1 && x[0] == y[1] && x[1] == y[0] && equal(x[2:], y[2:])
}

func equal(a, b []rune) bool { return string(a) == string(b) }

func runeCount(s string) int { return len([]rune(s)) }
