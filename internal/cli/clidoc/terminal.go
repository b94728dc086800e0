package clidoc

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// width is how wide a text for a terminal is, in characters.
const width = 100

// Help is what --help says of a command.
func Help(c *cobra.Command) string {
	text := c.Long
	if text == "" {
		text = sentence(c.Short)
	}
	var b strings.Builder
	for _, part := range blocks(text) {
		if part.verbatim {
			for _, l := range part.lines {
				b.WriteString(strings.TrimRight("  "+l, " ") + "\n")
			}
		} else {
			b.WriteString(wrapLines(part.lines))
		}
		b.WriteString("\n")
	}
	if c.IsAdditionalHelpTopicCommand() {
		return strings.TrimRight(b.String(), "\n") + "\n"
	}
	return b.String() + Usage(c)
}

// Usage says how a command is called.
func Usage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", call(c))
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso as:\n  %s\n", strings.Join(c.Aliases, ", "))
	}
	if c.HasExample() {
		b.WriteString("\nExamples:\n")
		lines := strings.Split(strings.Trim(c.Example, "\n"), "\n")
		unindent(lines)
		for _, l := range lines {
			b.WriteString(strings.TrimRight("  "+l, " ") + "\n")
		}
	}
	list(&b, "Commands", c, (*cobra.Command).IsAvailableCommand)
	usages(&b, "Flags", c.LocalFlags())
	usages(&b, "Flags of every command", c.InheritedFlags())
	list(&b, "Topics", c, (*cobra.Command).IsAdditionalHelpTopicCommand)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nMore about a command: %s COMMAND --help\n", c.CommandPath())
	}
	return b.String()
}

// list lists the commands below one that are of a kind.
func list(b *strings.Builder, title string, c *cobra.Command, kind func(*cobra.Command) bool) {
	head := "\n" + title + ":\n"
	for _, below := range c.Commands() {
		if kind(below) {
			fmt.Fprintf(b, "%s  %-*s  %s\n", head, c.Commands()[0].NamePadding(), below.Name(), below.Short)
			head = ""
		}
	}
}

func usages(b *strings.Builder, title string, set *pflag.FlagSet) {
	if set.HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s:\n%s", title, set.FlagUsagesWrapped(width))
	}
}

// wrapLines fills the lines of a paragraph or a list anew.
func wrapLines(lines []string) string {
	var items []string
	for i, l := range lines {
		if i == 0 || strings.HasPrefix(l, "- ") {
			items = append(items, l)
		} else {
			items[len(items)-1] += " " + strings.TrimSpace(l)
		}
	}
	var b strings.Builder
	for _, item := range items {
		indent := ""
		if strings.HasPrefix(item, "- ") {
			indent = "  "
		}
		b.WriteString(Wrap(item, indent) + "\n")
	}
	return b.String()
}

// Wrap breaks a text into lines for a terminal; all but the first begin with indent.
func Wrap(text, indent string) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		switch long := len([]rune(word)); {
		case i > 0 && at+1+long > width:
			b.WriteString("\n" + indent)
			at = len(indent)
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len([]rune(word))
	}
	return b.String()
}

// Long is a topic for a terminal: its text and its table as a text that blocks shows as it is.
func (t Topic) Long() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.Text)
	first := 0
	for _, row := range t.Rows {
		first = max(first, len(row[0]))
	}
	for _, row := range t.Rows {
		rest := about(row)
		if first <= 10 {
			fmt.Fprintf(&b, "  %-*s  %s\n", first, row[0], rest)
		} else {
			fmt.Fprintf(&b, "  %s\n      %s\n", row[0], Wrap(rest, "      "))
		}
	}
	return b.String()
}
