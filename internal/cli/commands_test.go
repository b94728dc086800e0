package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCommandsTellAboutThemselves holds all commands to one form, since help, reference and manual pages are made of it.
func TestCommandsTellAboutThemselves(t *testing.T) {
	root := (&program{Process: Process{Stdout: io.Discard, Stderr: io.Discard}}).root()
	leaves := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		fail := func(what string) { t.Errorf("%s: %s", c.CommandPath(), what) }
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.ToLower(c.Short[:1]) != c.Short[:1] {
			fail("Short is a phrase in lower case, without a full stop")
		}
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() && below.Name() != "help" {
				look(below)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name, usage := pflag.UnquoteUsage(f); name != strings.ToUpper(name) || usage == "" || strings.HasSuffix(usage, ".") {
				fail("--" + f.Name + " names its value in back quotes and capitals, and its text has no full stop")
			}
		})
		if c.HasAvailableSubCommands() {
			return
		}
		leaves++
		switch {
		case c.Long == "" || c.Example == "":
			fail("Long and Example are missing")
		case c.Args == nil && !strings.Contains(c.Use, "..."):
			fail("Args are not checked")
		case strings.Contains(c.Use, " ") && c.ValidArgsFunction == nil:
			fail("its arguments are not completed")
		}
		for line := range strings.Lines(c.Example) {
			if strings.HasPrefix(line, "spectro ") && !strings.HasPrefix(line, "spectro pack ") && !strings.HasPrefix(line, c.CommandPath()) {
				fail("an example is of another command: " + line)
			}
		}
	}
	look(root)
	if leaves < 15 {
		t.Errorf("only %d commands were looked at", leaves)
	}
}
