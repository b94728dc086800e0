package db

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	long := strings.Repeat("x", 63) + "ü" + "rest"
	for _, tc := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \t--- ", nil},
		{"argo-cd", []string{"argo", "cd"}},
		{"Argo CD, Argo!", []string{"argo", "cd", "argo"}},
		{"v1.16.1", []string{"v1", "16", "1"}},
		{"snake_case__name", []string{"snake", "case", "name"}},
		{"ＦＵＬＬ width ﬁle", []string{"full", "width", "file"}},
		{"STRASSE Straße", []string{"strasse", "strasse"}},
		{"Cafe\u0301 CAFÉ", []string{"café", "café"}},
		{"ΛΌΓΟΣ λόγος", []string{"λόγοσ", "λόγοσ"}},
		{"हिन्दी 日本語", []string{"हिन्दी", "日本語"}},
		{"bad\xffutf\x00zero", []string{"bad", "utf", "zero"}},
		{"it's <b>bold</b>", []string{"it", "s", "b", "bold", "b"}},
		{long, []string{strings.Repeat("x", 63)}},
	} {
		got := Words(tc.text)
		if len(got) == 0 {
			got = nil
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Words(%q) (-want +got):\n%s", tc.text, diff)
		}
	}
}

func TestWordsOfWordsAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := Words(rapid.String().Draw(t, "text"))
		for _, w := range words {
			if w == "" || len(w) > MaxWordBytes || !utf8.ValidString(w) || strings.ContainsAny(w, "'\"\\:&|!*() \x00") {
				t.Fatalf("not a clean word: %q", w)
			}
		}
		again := Words(strings.Join(words, " "))
		if len(words)+len(again) > 0 && !cmp.Equal(words, again) {
			t.Fatalf("words %q, again %q", words, again)
		}
	})
}

func TestEveryCharacterFoldsOnce(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		once := fold("\u00e9" + string(r))
		if twice := fold(once); twice != once {
			t.Errorf("%U: %q, then %q", r, once, twice)
		}
	}
}

func TestDistinctWords(t *testing.T) {
	if diff := cmp.Diff([]string{"b", "a"}, DistinctWords("b a B a c", 100, 2)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"aé"}, DistinctWords("aéé", 4, 9)); diff != "" {
		t.Error(diff)
	}
}
