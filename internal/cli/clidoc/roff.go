package clidoc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// ManPages writes a manual page (section 1) for every command into a folder, which is made when it is not there, and gives
// their paths. version stands at the foot of the pages.
func ManPages(dir string, root *cobra.Command, topics []Topic, version string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var paths []string
	for _, c := range documented(root) {
		path := filepath.Join(dir, manName(c)+".1")
		if err := os.WriteFile(path, manPage(c, topics, version), 0o644); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage writes one page in the macros of man(7), without a date: the same commands give the same bytes.
func manPage(c *cobra.Command, topics []Topic, version string) []byte {
	var b bytes.Buffer
	root := c.Root()
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"\" \"%s\" \"%s\"\n", strings.ToUpper(roff(manName(c))), roff(root.Name()+" "+version), roff(root.Short))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(c)), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(call(c)))
	if c.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		roffText(&b, c.Long)
	}
	roffFlags(&b, "OPTIONS", flags(c.LocalNonPersistentFlags()))
	roffFlags(&b, "OPTIONS OF EVERY COMMAND", flags(root.PersistentFlags()))
	if c.HasExample() {
		lines := strings.Split(strings.Trim(c.Example, "\n"), "\n")
		unindent(lines)
		b.WriteString(".SH EXAMPLES\n")
		roffVerbatim(&b, lines)
	}
	var others []*cobra.Command
	if c.HasParent() {
		others = append(others, c.Parent())
	} else {
		for _, t := range topics {
			roffTopic(&b, t)
		}
	}
	for _, below := range documented(c)[1:] {
		if below.Parent() == c {
			others = append(others, below)
		}
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, o := range others {
		comma := ","
		if i == len(others)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(manName(o)), comma)
	}
	return b.Bytes()
}

func roffFlags(b *bytes.Buffer, title string, list []flag) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, f := range list {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(f.names), roff(f.usage))
	}
}

func roffTopic(b *bytes.Buffer, t Topic) {
	fmt.Fprintf(b, ".SH %s\n", roff(strings.ToUpper(t.Title)))
	roffText(b, t.Text)
	for _, row := range t.Rows {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(row[0]), roff(about(row)))
	}
}

func roffText(b *bytes.Buffer, text string) {
	for i, part := range blocks(text) {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		switch {
		case part.verbatim:
			roffVerbatim(b, part.lines)
		case isList(part):
			for _, l := range part.lines {
				if item, ok := strings.CutPrefix(l, "- "); ok {
					fmt.Fprintf(b, ".IP \\(bu 2\n%s\n", roff(item))
				} else {
					b.WriteString(roff(strings.TrimSpace(l)) + "\n")
				}
			}
		default:
			for _, l := range part.lines {
				b.WriteString(roff(l) + "\n")
			}
		}
	}
}

func roffVerbatim(b *bytes.Buffer, lines []string) {
	b.WriteString(".RS 4\n.nf\n")
	for _, l := range lines {
		b.WriteString(roff(l) + "\n")
	}
	b.WriteString(".fi\n.RE\n")
}

// roff keeps a text from being read as roff. Code is shown without its backquotes.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", "", `"`, `\(dq`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
