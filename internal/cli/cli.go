// Package cli is the spectro command line: what pack authors and their pipelines use. It accepts all
// that the vendor's tool documents (contract section 2) and is a face like the others: it speaks to
// a registry through internal/client and knows none of the server's rooms.
package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Process is what the program was started with.
type Process struct {
	Args    []string // without the program's name
	Environ []string // NAME=value
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string // of the program
	Now     func() time.Time
}

// Run is the program. It returns the exit code (see Exit...).
func Run(ctx context.Context, process Process) int {
	p := &program{Process: process}
	root := p.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	return p.exit(ctx, root.ExecuteContext(ctx))
}

// program is what the commands share.
type program struct {
	Process
	home      string // --home
	namespace string // --namespace
}

func (p *program) root() *cobra.Command {
	version := false
	root := &cobra.Command{
		Use: "spectro", Short: "publish, find and fetch packs of a private registry",
		Long: `spectro publishes, finds, fetches and checks packs: it is the command line of a private pack registry.

Log in once; packs are named [NAMESPACE/]NAME[:TAG|@DIGEST], where TAG is a version, a tag such as 1.16.x or stable, or latest.
What a command found goes to stdout, as a table or with -o as JSON or YAML; everything said to you goes to stderr.`,
		Example: `spectro registry login packs.example.com --default
spectro pack lint my-pack
spectro pack push my-pack
spectro pack search argo
spectro pack pull argo-cd:latest packs`,
		SilenceUsage: true, SilenceErrors: true, Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return p.printVersion()
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVarP(&version, "version", "v", false, "print the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usagef("%s; see: %s --help", err, cmd.CommandPath()) })
	root.PersistentFlags().StringVarP(&p.home, "home", "s", "", "`DIR` of spectro's own files (SPECTRO_HOME; default $HOME/.spectro)")
	root.PersistentFlags().StringVar(&p.namespace, "namespace", "", "`NAMESPACE` of packs (SPECTRO_NAMESPACE; default \"default\")")
	root.CompletionOptions.DisableDefaultCmd = true
	helpOf(root)
	root.SetHelpCommand(p.helpCommand(root))
	root.AddCommand(p.packCommand(), p.registryCommand(), p.syncCommand(), p.completionCommand(), p.manCommand(), p.versionCommand())
	root.AddCommand(topicCommands()...)
	p.completeFlags(root)
	return root
}

// packCommand holds all that is done with packs.
func (p *program) packCommand() *cobra.Command {
	c := group("pack", "publish, find, fetch and check packs")
	c.AddCommand(
		p.buildCommand(),
		p.catCommand(),
		p.deleteCommand(),
		p.diffCommand(),
		p.infoCommand(),
		p.initCommand(),
		p.lintCommand(),
		p.lsCommand(),
		p.pullCommand(),
		p.pushCommand(),
		p.searchCommand(),
		p.tagCommand(),
	)
	return c
}

// group is a command that only holds others.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: onlyCommands, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// onlyCommands refuses what is no command below this one, and says which one was perhaps meant.
func onlyCommands(cmd *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	near := "see: " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2 // wrong letters
	if meant := cmd.SuggestionsFor(given[0]); len(meant) > 0 {
		near = "did you mean: " + strings.Join(meant, ", ")
	}
	return usagef("there is no command %q; %s", cmd.CommandPath()+" "+given[0], near)
}

// args makes wrong arguments a usage error, in words of ours.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if check(cmd, given) == nil {
			return nil
		}
		for n := range given {
			if check(cmd, given[:n]) == nil {
				return usagef("there is an argument too many: %q; it is called as: %s", given[n], cmd.UseLine())
			}
		}
		return usagef("an argument is missing; it is called as: %s", cmd.UseLine())
	}
}

// versionCommand prints the line that scripts know (contract 2.1), its capitals included.
func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version",
		Long:    "Print the version of spectro, and the system and processor it is built for, as one line: Spectro ClI Version 1.2.3 linux/amd64.",
		Example: "spectro version", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return p.printVersion() },
	}
}

func (p *program) printVersion() error {
	_, err := fmt.Fprintf(p.Stdout, "Spectro ClI Version %s %s/%s\n", strings.TrimPrefix(p.Version, "v"), runtime.GOOS, runtime.GOARCH)
	return err
}

// getenv reads the environment the program was given.
func (p *program) getenv(name string) string {
	for _, entry := range p.Environ {
		// The names have no case on Windows.
		if n, v, _ := strings.Cut(entry, "="); n == name || (runtime.GOOS == "windows" && strings.EqualFold(n, name)) {
			return v
		}
	}
	return ""
}
