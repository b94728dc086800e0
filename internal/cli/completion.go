package cli

import (
	"github.com/spf13/cobra"
)

// completionCommand writes the scripts that teach a shell to complete. Cobra's own command of this name would not keep our
// exit codes.
func (p *program) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "print the script that makes a shell complete spectro's words",
		Long: `Print the script that makes a shell complete commands, flags, and the names that the server knows:
packs, after NAME: versions and tags, files inside a pack, and after -r the servers you are logged in to.

SHELL is bash, zsh, fish or powershell. The examples show where each shell looks for the script; open a new
shell afterwards. Bash needs the package bash-completion. Names come from the server within two seconds or not at all.`,
		Example: `# bash, for yourself
mkdir -p ~/.local/share/bash-completion/completions
spectro completion bash > ~/.local/share/bash-completion/completions/spectro

# zsh
spectro completion zsh > "${fpath[1]}/_spectro"

# fish
spectro completion fish > ~/.config/fish/completions/spectro.fish

# PowerShell, in the profile
spectro completion powershell | Out-String | Invoke-Expression`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp)),
		RunE: func(cmd *cobra.Command, given []string) error {
			root := cmd.Root()
			switch given[0] {
			case "bash":
				return root.GenBashCompletionV2(p.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.Stdout)
			case "fish":
				return root.GenFishCompletion(p.Stdout, true)
			case "powershell", "pwsh":
				return root.GenPowerShellCompletionWithDesc(p.Stdout)
			}
			return usagef("there is no script for the shell %q; there are bash, zsh, fish and powershell", given[0])
		},
	}
}
