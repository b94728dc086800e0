package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/clidoc"
)

// helpOf makes root and all below it tell about themselves in one form.
func helpOf(root *cobra.Command) {
	root.PersistentFlags().BoolP("help", "h", false, "tell about the command")
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { fmt.Fprint(c.OutOrStdout(), clidoc.Help(c)) })
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), clidoc.Usage(c))
		return err
	})
}

// helpCommand is cobra's, but what is not there is a usage error.
func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]...", Short: "tell about a command or a topic",
		Long: "Tell about a command, as --help after it does, or about one of the topics that `spectro help` lists at its end.",
		ValidArgsFunction: func(_ *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			about, rest, err := root.Find(given)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []cobra.Completion
			for _, c := range about.Commands() {
				if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, given []string) error {
			about, rest, err := root.Find(given)
			if err != nil || len(rest) > 0 {
				return usagef("there is no help about %q; see: spectro help", strings.Join(given, " "))
			}
			return about.Help()
		},
	}
}
