// Package rules lists every rule of a pack with the text that explains it to people: those of
// pack/archive and pack/check, which apply them, and those of an upload; why each is there and how to mend what breaks it.
package rules

//go:generate go test -run TestPage -count=1 . -update

import (
	_ "embed"
	"fmt"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
)

// Page is where the rules are explained, in the repository. Each rule has its id as anchor there.
const Page = "docs/rules.md"

// Rule is one rule.
type Rule struct {
	ID       string
	Severity pack.Severity
	// Headline is one sentence: of an archive's rule what is wrong, of a pack's what must be so.
	Headline string
	// Text is Markdown: why the rule is there, and how to mend what breaks it.
	Text string

	upload bool // about the request, not what it carries
}

// The texts: a section of level two for every rule.
//
//go:embed archive.md
var archiveTexts string

//go:embed pack.md
var packTexts string

//go:embed upload.md
var uploadTexts string

// All lists the rules, those of the archive first, else in the order of their packages. Its error
// is about the texts, and cannot come in a program whose tests passed.
func All() ([]Rule, error) {
	texts, err := sections(archiveTexts + "\n" + packTexts + "\n" + uploadTexts)
	if err != nil {
		return nil, err
	}
	var out []Rule
	for _, r := range archive.Rules() {
		out = append(out, Rule{ID: r.ID, Severity: pack.SeverityError, Headline: r.Text, Text: texts[r.ID]})
	}
	for _, r := range check.Rules() {
		out = append(out, Rule{ID: r.ID, Severity: r.Severity, Headline: sentence(r.About), Text: texts[r.ID]})
	}
	for _, r := range uploadRules() {
		r.Severity, r.Text, r.upload = pack.SeverityError, texts[r.ID], true
		out = append(out, r)
	}
	for _, r := range out {
		if r.Text == "" {
			return nil, fmt.Errorf("the rule %s has no text", r.ID)
		}
		delete(texts, r.ID)
	}
	for id := range texts {
		return nil, fmt.Errorf("there is a text on %s, which is no rule", id)
	}
	return out, nil
}

// sections cuts Markdown at its headings of level two.
func sections(text string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range strings.Split("\n"+text, "\n## ")[1:] {
		id, body, _ := strings.Cut(s, "\n")
		if out[id] != "" {
			return nil, fmt.Errorf("there are two texts on %s", id)
		}
		out[id] = strings.TrimSpace(body)
	}
	return out, nil
}

// sentence ends what a rule is about with a full stop. Names of keys and files keep their case.
func sentence(about string) string { return strings.TrimSuffix(about, ".") + "." }
