// Command registry is the pack registry's server and its admin verbs. It is the
// only place that knows concrete backends and puts the rooms together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=...).
var version string

func main() {
	// What the server makes is nobody else's: the data folder holds password hashes.
	syscall.Umask(0o077)
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: arguments without its name, environment as NAME=value. It
// returns the exit code: 0 done, 1 failed (one line on stderr says why), 2 called wrongly.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.command()
	root.SetArgs(tolerant(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "registry: %s\n", oneLine(err))
		return 2
	}
	fmt.Fprintf(stderr, "registry: %s\n", oneLine(err))
	return 1
}

// oneLine is the text of an error whatever it was joined from: what reads logs takes a line for a message.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}

// tolerant drops a leading word registry or /registry, which old container
// arguments have (contract section 1.2), and takes no arguments for serve.
func tolerant(args []string) []string {
	if len(args) > 0 && (args[0] == "registry" || args[0] == "/registry") {
		args = args[1:]
	}
	if len(args) == 0 {
		return []string{"serve"}
	}
	return args
}

// program is what the commands share.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	configFile     string // of the admin verbs
}

// usageError is for a command line that makes no sense.
type usageError struct{ error }

func (p *program) command() *cobra.Command {
	root := group("registry", "a private registry for packs")
	root.SilenceUsage, root.SilenceErrors, root.CompletionOptions.HiddenDefaultCmd = true, true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.serveCommand(), p.configCommand(), p.adminCommand(), p.healthCommand(), p.doctorCommand(), p.applianceCommand(), p.paletteCommand(), &cobra.Command{
		Use: "version", Short: "print the version", Args: args(cobra.NoArgs),
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(p.stdout, "registry %s %s/%s %s\n", buildVersion(), runtime.GOOS, runtime.GOARCH, runtime.Version())
		},
	})
	return root
}

// group is a command that only holds others. Of itself Cobra would answer a word that is none of them with help and success.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// args makes wrong arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

// buildVersion is the linker's, else what the Go tool stamped, else "dev".
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// getenv reads the environment run was given.
func (p *program) getenv(name string) string {
	for _, entry := range p.environ {
		if n, v, _ := strings.Cut(entry, "="); n == name {
			return v
		}
	}
	return ""
}
