package sqlcat

import (
	"context"
	"slices"
	"strings"

	"packregistry/internal/db"
)

// probeDepth is how far the packs of a trigram are counted to tell rare ones from common ones.
const probeDepth = 1000

// maxForms bounds the mistyped words that one word may mean.
const maxForms = 200

// lookForTypos finds out what to ask for packs that the text may mean.
func (s *search) lookForTypos(ctx context.Context) error {
	l := s.lang
	letters := strings.Join(s.words, "")
	whole, err := s.nearForms(ctx, letters)
	if err != nil {
		return err
	}
	var ways []string
	for _, form := range whole {
		ways = append(ways, l.term(termLetters+form))
	}
	for i, w := range s.words {
		near := whole
		if w != letters {
			if near, err = s.nearForms(ctx, w); err != nil {
				return err
			}
		}
		forms := make([]string, len(near))
		for j, form := range near {
			forms[j] = l.term(termName + form)
		}
		if len(forms) == 0 {
			continue
		}
		parts := []string{l.any(forms...)}
		for j, other := range s.words {
			if j != i {
				parts = append(parts, l.word(termHead, s.words, j, other))
			}
		}
		ways = append(ways, l.all(parts...))
	}
	if len(ways) == 0 {
		return nil
	}
	s.typos = l.all(s.filters, l.any(ways...))
	if s.q.Sort != db.SortRelevance { // then they are found in one with all else
		return nil
	}
	m, _ := s.tier(tierTypos)
	found, err := s.some(ctx, tierTypos, m, fewHits+1)
	if err == nil && len(found) <= fewHits {
		s.typos = ""
		s.keep(found)
	}
	return err
}

// nearForms gives the words of names that are one typo away from a text. Candidates
// have one of the text's trigrams, of which it is enough to follow the db.ProbeGrams rarest.
func (s *search) nearForms(ctx context.Context, text string) ([]string, error) {
	letters := len([]rune(text))
	if letters < db.TypoLetters-1 {
		return nil, nil
	}
	var st statement
	st.WriteString("WITH typed (gram) AS (VALUES ")
	for i, g := range db.Grams(text) {
		if i > 0 {
			st.WriteString(", ")
		}
		st.WriteString("(CAST(" + st.arg(g) + " AS text))")
	}
	low, high := st.arg(int64(letters-1)), st.arg(int64(letters+1))
	near := " AND g.len BETWEEN " + low + " AND " + high
	st.WriteString(`), probe AS MATERIALIZED (SELECT t.gram FROM typed t ORDER BY (SELECT count(*) FROM (
 SELECT 1 FROM search_grams g WHERE g.gram = t.gram` + collate(s.dialect) + near + ` LIMIT ` + st.arg(int64(probeDepth)) + `) few) LIMIT ` + st.arg(int64(db.ProbeGrams)) + `)
 SELECT DISTINCT g.form FROM probe p JOIN search_grams g ON g.gram = p.gram` + collate(s.dialect) + near)
	rows, err := s.tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var forms []string
	for rows.Next() {
		var form string
		if err := rows.Scan(&form); err != nil {
			return nil, err
		}
		if db.OneTypo(text, form) {
			forms = append(forms, form)
		}
	}
	slices.Sort(forms)
	return forms[:min(len(forms), maxForms)], rows.Err()
}

// collate makes a comparison with an expression one of bytes.
func collate(d Dialect) string {
	if d.Name == "postgres" {
		return ` COLLATE "C"`
	}
	return ""
}
