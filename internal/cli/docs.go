package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/clidoc"
)

//go:generate go run packregistry/internal/tools/clidocs ../../docs/cli.md

// WriteReference writes docs/cli.md: the reference of all commands, as Markdown.
func WriteReference(w io.Writer) error {
	return clidoc.Markdown(w, (&program{}).root(), topics())
}

// manCommand writes the manual pages.
func (p *program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "write the manual pages into a folder",
		Long: `Write a manual page for every command into a folder, which is made when it is not there: spectro.1, spectro-pack-push.1
and so on. They say what --help says. The names of the files that were written go to stdout.`,
		Example: `spectro man ~/.local/share/man/man1
man spectro-pack-push`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(completeFolders),
		RunE: func(cmd *cobra.Command, given []string) error {
			paths, err := clidoc.ManPages(given[0], cmd.Root(), topics(), p.Version)
			for _, path := range paths {
				fmt.Fprintln(p.Stdout, path)
			}
			return err
		},
	}
}
