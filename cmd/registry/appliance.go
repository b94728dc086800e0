package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/appliance"
	"packregistry/internal/config"
)

// applianceCommand sets a machine up at its first boot, and looks after what it has set up.
func (p *program) applianceCommand() *cobra.Command {
	cmd := group("appliance", "set a machine up as a pack registry, and connect it to Palette")
	cmd.AddCommand(p.applianceInit(), p.applianceStatus(), p.applianceRenew())
	return cmd
}

// applianceOptions are what all three need.
func (p *program) applianceOptions(root string) (appliance.Options, error) {
	if root != "" {
		root = absolute(root)
	}
	var err error
	if p.environ, err = appliance.Environment(root, p.environ); err != nil {
		return appliance.Options{}, err
	}
	program, err := os.Executable()
	return appliance.Options{
		Root: root, Program: program, Environ: p.environ, Version: buildVersion(), Product: product{p}, Now: time.Now,
		Out: p.stdout, Log: newLogger(config.Log{Level: "info", Format: "auto"}, p.stderr),
	}, err
}

// lockTime is how long a renewal waits for a set-up that is under way: longer than one takes.
const lockTime = 10 * time.Minute

// rootFlag is the folder that stands for the machine.
func rootFlag(cmd *cobra.Command, root *string) {
	cmd.Flags().StringVar(root, "root", "", "folder that stands for /, to try it or to run without root rights")
}

func (p *program) applianceInit() *cobra.Command {
	var (
		root, start, environment  string
		dry, overwrite, attached  bool
		wait                      time.Duration
		sources                   = appliance.Sources{Flags: map[string]string{}}
		tool                      string
		given                     = map[string]*string{}
		questions, secret, plural = appliance.Questions(), []string{}, []string{}
	)
	for _, q := range questions {
		plural = append(plural, fmt.Sprintf("  %-26s %s", q.Key, q.Doc))
		if q.Secret {
			secret = append(secret, q.Key)
		}
	}
	cmd := &cobra.Command{
		Use: "init", Short: "from answers to a served registry that Palette shows; again, and nothing changes", Args: args(cobra.NoArgs),
		Long: `Does the product's part of a first boot: certificate, configuration, administrator, packs, the connection to Palette; then it starts
the server, waits until Palette has synced, and prints a status page. It may be interrupted anywhere and run again.

Answers come from flags, before a YAML file (--answers, else /etc/pack-registry/answers.yml), before what a VMware hypervisor was
given: OVF properties (registry.palette_url), guestinfo.registry.answers, guestinfo.registry.palette_url. The answers are:

` + strings.Join(plural, "\n") + `

In a file the dots may be sections. ` + strings.Join(secret, ", ") + ` have no flag: arguments are everybody's to see.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for key, value := range given {
				sources.Flags[key] = *value
			}
			sources.Guest = &appliance.Guest{Tool: tool, Environment: environment}
			o, err := p.applianceOptions(root)
			if err != nil {
				return err
			}
			o.Sources, o.DryRun, o.Overwrite, o.Start, o.Foreground, o.Wait = sources, dry, overwrite, start, attached, wait
			ctx, stop := untilSignal(cmd.Context(), p.stderr)
			defer stop()
			return appliance.Init(ctx, o)
		},
	}
	for _, q := range questions {
		if name := q.Flag(); name != "" {
			given[q.Key] = cmd.Flags().String(name, "", q.Doc)
		}
	}
	rootFlag(cmd, &root)
	cmd.Flags().StringVar(&sources.File, "answers", "", "YAML file with the answers")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only print what would be done")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace a configuration that was written or changed by hand")
	cmd.Flags().StringVar(&start, "start", appliance.StartAuto, "how the server is started: auto, systemd, child or none")
	cmd.Flags().BoolVar(&attached, "foreground", false, "keep the server in the foreground, for containers")
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long the server and Palette may take")
	cmd.Flags().StringVar(&tool, "vmtoolsd", "vmtoolsd", "program that asks a VMware hypervisor")
	cmd.Flags().StringVar(&environment, "ovf-env", "", "file with the OVF environment, where it is not given by vmtoolsd")
	return cmd
}

func (p *program) applianceStatus() *cobra.Command {
	var root string
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "status", Short: "print the status page: address, fingerprint, health, Palette; fails when something is not well", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := p.applianceOptions(root)
			if err != nil {
				return err
			}
			o.Wait = wait
			return appliance.Status(cmd.Context(), o)
		},
	}
	rootFlag(cmd, &root)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long Palette may take to answer")
	return cmd
}

func (p *program) applianceRenew() *cobra.Command {
	var root string
	var now bool
	cmd := &cobra.Command{
		Use: "renew", Short: "make the server's certificate anew when its end is near, by the private CA", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := p.applianceOptions(root)
			if err != nil {
				return err
			}
			o.Wait = lockTime
			return appliance.Renew(cmd.Context(), o, now)
		},
	}
	rootFlag(cmd, &root)
	cmd.Flags().BoolVar(&now, "now", false, "make it anew in any case")
	return cmd
}
