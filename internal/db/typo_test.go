package db

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestOneTypo(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "a", true},
		{"argocd", "argocd", true},
		{"argocd", "argocx", true},
		{"argocd", "rgocd", true},
		{"argocd", "argocdd", true},
		{"argocd", "agrocd", true},
		{"argocd", "argodc", true},
		{"argocd", "ragodc", false},
		{"argocd", "argo", false},
		{"argocd", "gracod", false},
		{"abc", "cba", false},
		{"ab", "ba", true},
		{"naïve", "naive", true},
	} {
		if got := OneTypo(tc.a, tc.b); got != tc.want {
			t.Errorf("OneTypo(%q, %q) = %v", tc.a, tc.b, got)
		}
		if got := OneTypo(tc.b, tc.a); got != tc.want {
			t.Errorf("OneTypo(%q, %q) = %v", tc.b, tc.a, got)
		}
	}
}

// alignment is the textbook distance that OneTypo shortens.
func alignment(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func TestOneTypoIsTheTextbookDistance(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if want := alignment([]rune(a), []rune(b)) <= 1; OneTypo(a, b) != want {
			t.Fatalf("OneTypo(%q, %q) = %v", a, b, !want)
		}
	})
}

// edits gives every text that is one typo away, over a small alphabet.
func edits(form string) []string {
	letters := []rune(form)
	var out []string
	for i := 0; i <= len(letters); i++ {
		head, tail := string(letters[:i]), letters[i:]
		for _, r := range "ab0é" {
			out = append(out, head+string(r)+string(tail))
			if len(tail) > 0 {
				out = append(out, head+string(r)+string(tail[1:]))
			}
		}
		if len(tail) > 0 {
			out = append(out, head+string(tail[1:]))
		}
		if len(tail) > 1 {
			out = append(out, head+string([]rune{tail[1], tail[0]})+string(tail[2:]))
		}
	}
	return out
}

// Any ProbeGrams trigrams of a mistyped text must lead to the form: that is the
// same as at most typoReach of its trigrams not being in the form.
func TestEveryTypoLeavesAGram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.StringOfN(rapid.RuneFrom([]rune("ab1")), TypoLetters, 9, -1).Draw(t, "form")
		has := strings.Join(Grams(form), " ")
		for _, typed := range edits(form) {
			if !OneTypo(typed, form) {
				t.Fatalf("%q is not one typo from %q", typed, form)
			}
			grams, lost := Grams(typed), 0
			for _, g := range grams {
				if !strings.Contains(has, g) {
					lost++
				}
			}
			if len(grams) < ProbeGrams || lost > typoReach {
				t.Fatalf("%q typed as %q: %d grams, %d lost", form, typed, len(grams), lost)
			}
		}
	})
}

func TestTypoForms(t *testing.T) {
	for name, want := range map[string][]string{
		"helm":                 {},
		"calico":               {"calico"},
		"argo-cd":              {"argocd"},
		"cert-manager_manager": {"certmanagermanager", "manager"},
		"aaaaa.aaaaa":          {"aaaaaaaaaa", "aaaaa"},
	} {
		if diff := cmp.Diff(want, TypoForms(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := Letters("Argo CD"); got != "argocd" {
		t.Errorf("Letters = %q", got)
	}
}
