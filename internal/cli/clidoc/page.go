// Package clidoc writes a program's documentation from its commands: the reference in Markdown and the manual pages. Both say
// what --help says, from the same texts.
//
// The texts (Short, Long, Example) are plain: paragraphs with an empty line between them, lists with "- ", and lines that are
// indented are shown as they are.
package clidoc

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Topic is something to tell that belongs to no command, with a table.
type Topic struct {
	Name   string // of the help topic: "exit-codes"
	Title  string // of its section: "Exit codes"
	Short  string // in the list of topics
	Text   string
	Header []string
	Rows   [][]string
}

// flag is one flag as its readers see it.
type flag struct {
	names string // "-r, --registry-server SERVER"
	usage string // with the default
}

// documented lists a command and those below it that are shown to people, in the order of --help.
func documented(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			all = append(all, documented(below)...)
		}
	}
	return all
}

// flags lists the flags of a set that are shown to people.
func flags(set *pflag.FlagSet) []flag {
	var list []flag
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		if value != "" {
			names += " " + value
		}
		switch f.DefValue {
		case "", "false", "0", "0s", "[]":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		list = append(list, flag{names, usage})
	})
	return list
}

// call is how a command is called.
func call(c *cobra.Command) string {
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND"
	}
	return c.UseLine()
}

// about is what a row of a topic says of its first cell.
func about(row []string) string {
	if len(row) < 3 || row[2] == "" {
		return row[1]
	}
	return row[1] + " (" + strings.Join(row[2:], ", ") + ")"
}

// block is a part of a text: a paragraph or list, or lines to be shown as they are.
type block struct {
	verbatim bool
	lines    []string
}

// blocks takes a text apart.
func blocks(text string) []block {
	var all []block
	empty := true // the line before
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty = true
			continue
		}
		indented := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		last := len(all) - 1
		switch {
		case last >= 0 && indented && isList(all[last]) && !empty:
			// goes on with the item above
		case last >= 0 && indented && all[last].verbatim:
			if empty {
				all[last].lines = append(all[last].lines, "")
			}
		case last < 0 || empty || indented != all[last].verbatim:
			all = append(all, block{verbatim: indented})
		}
		last = len(all) - 1
		all[last].lines = append(all[last].lines, line)
		empty = false
	}
	for _, b := range all {
		if b.verbatim {
			unindent(b.lines)
		}
	}
	return all
}

func isList(b block) bool { return !b.verbatim && strings.HasPrefix(b.lines[0], "- ") }

// unindent takes away what all lines are indented by.
func unindent(lines []string) {
	least := -1
	for _, l := range lines {
		if by := len(l) - len(strings.TrimLeft(l, " \t")); l != "" && (least < 0 || by < least) {
			least = by
		}
	}
	for i, l := range lines {
		lines[i] = l[min(max(least, 0), len(l)):]
	}
}
