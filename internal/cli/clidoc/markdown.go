package clidoc

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Markdown writes the reference of a program as one page.
func Markdown(w io.Writer, root *cobra.Command, topics []Topic) error {
	var b bytes.Buffer
	all := documented(root)
	fmt.Fprintf(&b, "<!-- Code generated from the commands by make generate. DO NOT EDIT. -->\n# The command line `%s`\n\n", root.Name())
	markdownText(&b, root.Long)
	example(&b, root)
	b.WriteString("| command | what it does |\n|---|---|\n")
	for _, c := range all[1:] {
		if c.Runnable() && !c.HasAvailableSubCommands() {
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), anchor(c.CommandPath()), cell(c.Short))
		}
	}
	for _, t := range topics {
		fmt.Fprintf(&b, "| [%s](#%s) | |\n", t.Title, anchor(t.Title))
	}
	fmt.Fprintf(&b, "\nEvery command takes:\n\n")
	flagTable(&b, flags(root.PersistentFlags()))
	for _, c := range all[1:] {
		if !c.Runnable() || c.HasAvailableSubCommands() {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", c.CommandPath())
		if c.Long == "" {
			markdownText(&b, sentence(c.Short))
		}
		markdownText(&b, c.Long)
		fmt.Fprintf(&b, "```\n%s\n```\n\n", call(c))
		if len(c.Aliases) > 0 {
			fmt.Fprintf(&b, "Also as `%s`.\n\n", strings.Join(c.Aliases, "`, `"))
		}
		example(&b, c)
		flagTable(&b, flags(c.LocalNonPersistentFlags()))
	}
	for _, t := range topics {
		fmt.Fprintf(&b, "\n## %s\n\n", t.Title)
		markdownText(&b, t.Text)
		rows := make([][]string, len(t.Rows))
		for i, row := range t.Rows {
			rows[i] = append([]string{"`" + strings.ReplaceAll(row[0], ", ", "`, `") + "`"}, row[1:]...)
		}
		markdownTable(&b, t.Header, rows)
	}
	text := bytes.TrimRight(bytes.ReplaceAll(b.Bytes(), []byte("\n\n\n"), []byte("\n\n")), "\n")
	_, err := w.Write(append(text, '\n'))
	return err
}

func example(b *bytes.Buffer, c *cobra.Command) {
	if c.HasExample() {
		lines := strings.Split(strings.Trim(c.Example, "\n"), "\n")
		unindent(lines)
		fmt.Fprintf(b, "```sh\n%s\n```\n\n", strings.Join(lines, "\n"))
	}
}

func flagTable(b *bytes.Buffer, list []flag) {
	rows := make([][]string, len(list))
	for i, f := range list {
		rows[i] = []string{"`" + f.names + "`", f.usage}
	}
	markdownTable(b, []string{"flag", "what it does"}, rows)
}

func markdownTable(b *bytes.Buffer, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s |\n%s|\n", strings.Join(header, " | "), strings.Repeat("|---", len(header)))
	for _, row := range rows {
		for _, c := range row {
			b.WriteString("| " + cell(c) + " ")
		}
		b.WriteString("|\n")
	}
}

func markdownText(b *bytes.Buffer, text string) {
	for _, part := range blocks(text) {
		if part.verbatim {
			fmt.Fprintf(b, "```\n%s\n```\n\n", strings.Join(part.lines, "\n"))
			continue
		}
		for _, l := range part.lines {
			b.WriteString(markdownPlain(l) + "\n")
		}
		b.WriteString("\n")
	}
}

// cell makes a text fit into a table.
func cell(s string) string {
	return strings.ReplaceAll(markdownPlain(strings.Join(strings.Fields(s), " ")), "|", `\|`)
}

// markdownPlain keeps Markdown from reading more into a text than `code`.
func markdownPlain(s string) string {
	parts := strings.Split(s, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// anchor is the name that GitHub gives a heading.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }

// sentence makes a Short a sentence.
func sentence(short string) string {
	if short == "" {
		return ""
	}
	return strings.ToUpper(short[:1]) + short[1:] + "."
}
