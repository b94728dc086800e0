package rules

import (
	"fmt"
	"io"
	"strings"

	"packregistry/internal/pack"
)

const head = `# Rules

<!-- Written from internal/pack/rules; to change a text, change it there and run: go generate ./internal/pack/rules -->

What a pack is checked for: by the server at every upload and at ` + "`POST /api/v1/validate`" + `, and by ` + "`spectro pack lint`" + ` without a server, with
the same code. Errors of the upload are about what the request says beside the archive, so only the server finds them.

- An **error** refuses the pack (422).
- A **warning** is stored with the version and shown.
- An **info** is given on demand only.

The first sentence on a rule of the archive says what is wrong; that on any other rule says what must be so.

` + "`spectro pack lint --strict`" + ` fails on warnings too; ` + "`--fix`" + ` mends what can be mended without changing what the pack means.

`

// WritePage writes the page: a list of all rules, then a section for each, with its id as anchor.
func WritePage(w io.Writer, all []Rule) error {
	var b strings.Builder
	b.WriteString(head)
	groups := []struct {
		title string
		holds func(Rule) bool
	}{
		{"Errors of the archive", func(r Rule) bool { return strings.HasPrefix(r.ID, "archive-") }},
		{"Errors of the pack", func(r Rule) bool {
			return r.Severity == pack.SeverityError && !r.upload && !strings.HasPrefix(r.ID, "archive-")
		}},
		{"Errors of the upload", func(r Rule) bool { return r.upload }},
		{"Warnings", func(r Rule) bool { return r.Severity == pack.SeverityWarning }},
		{"Infos", func(r Rule) bool { return r.Severity == pack.SeverityInfo }},
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "**%s:**", g.title)
		sep := " "
		for _, r := range all {
			if g.holds(r) {
				fmt.Fprintf(&b, "%s[%s](#%s)", sep, r.ID, r.ID)
				sep = ", "
			}
		}
		b.WriteString("\n\n")
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "## %s\n\n", g.title)
		for _, r := range all {
			if g.holds(r) {
				fmt.Fprintf(&b, "### %s\n\n*%s.* %s\n\n%s\n\n", r.ID, r.Severity, r.Headline, r.Text)
			}
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}
