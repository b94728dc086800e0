// Package appliance does the product's part of a machine's first boot: from answers (flags, a file, OVF properties) to a served
// registry with TLS, an administrator, packs and a connection to Palette. The machine's part, such as name, network, time and
// disk, belongs to cloud-init or to whoever installs the machine.
//
// The work is a list of steps. Each step first says what it would change, and changes only that; every file is replaced as a whole.
// So a run may end anywhere and the next goes on from there, a run after a whole one changes nothing, and --dry-run prints the plan.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Product is what the set-up needs of the registry itself. The catalogue that the configuration names need not be there yet.
type Product interface {
	// HasAccounts reports whether anybody has an account.
	HasAccounts(ctx context.Context, configFile string) (bool, error)
	// MakeAdmin makes the account "admin" with the bcrypt hash, if there is no account at all.
	MakeAdmin(ctx context.Context, configFile, hash string) error
	// Publish takes in the archives of a folder and returns the number of those that were not there; dry only counts.
	Publish(ctx context.Context, configFile, folder string, dry bool) (int, error)
}

// How the server is started.
const (
	StartAuto    = "auto"    // systemd when it runs here and Root is none, else child
	StartSystemd = "systemd" // by its unit
	StartChild   = "child"   // as a process of its own
	StartNone    = "none"    // not at all
)

// Options say what to set up, and where.
type Options struct {
	// Root is a folder that stands for /; "" is the machine itself. A configuration in it names the paths from outside.
	Root    string
	Sources Sources
	DryRun  bool
	// Overwrite replaces a configuration file that was written or changed by hand.
	Overwrite bool
	// Start is one of the words above.
	Start string
	// Foreground keeps the server in this process's foreground until ctx ends; for containers. It goes with StartChild.
	Foreground bool
	// Wait is how long the server, and then Palette, may take to be there.
	Wait time.Duration
	// Program is the path of the registry program, for StartChild; Environ its environment.
	Program string
	Environ []string
	// Version is shown on the status page.
	Version string
	Product Product
	Now     func() time.Time
	// Out gets the plan or the status page, and a made password; nothing secret goes to Log.
	Out io.Writer
	Log *slog.Logger
}

// setup is one run.
type setup struct {
	Options
	paths
	given   *Answers
	owner   owner
	changes []string
	// drafted is set when a dry run would write the configuration: the one that is there is not the one to work with.
	drafted  bool
	password string // of the administrator, when it is to be shown
	server   *child // that this run started, and has to look after
}

// Init brings the machine into the state that the answers describe.
func Init(ctx context.Context, o Options) error {
	s, err := newSetup(ctx, o)
	if err != nil {
		return err
	}
	if err := s.takeAll(ctx); err != nil {
		return err
	}
	if o.DryRun {
		return s.printPlan()
	}
	live := s.watch(ctx)
	if err := errors.Join(s.printPage(live), live.err); err != nil {
		return errors.Join(err, s.endForeground())
	}
	return s.stay(ctx)
}

func (s *setup) takeAll(ctx context.Context) error {
	if !s.DryRun {
		unlock, err := s.lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	for _, step := range s.steps() {
		if err := s.take(ctx, step); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", step.name, err), s.endForeground())
		}
	}
	return nil
}

// newSetup collects the answers and looks at the machine.
func newSetup(ctx context.Context, o Options) (*setup, error) {
	s := &setup{Options: o, paths: paths{root: o.Root}}
	var err error
	if s.given, err = o.Sources.collect(ctx, s.paths, o.Log); err != nil {
		return nil, err
	}
	if err := s.given.adopt(s.paths, o.Environ); err != nil {
		return nil, err
	}
	if !s.given.kept {
		if err := s.given.complete(s.paths); err != nil {
			return nil, err
		}
	}
	if s.Start == "" || s.Start == StartAuto {
		s.Start = StartChild
		if _, err := os.Stat("/run/systemd/system"); err == nil && o.Root == "" && !o.Foreground {
			s.Start = StartSystemd
		}
	}
	switch {
	case s.Start != StartSystemd && s.Start != StartChild && s.Start != StartNone:
		return nil, fmt.Errorf("--start %s is unknown; use auto, systemd, child or none", s.Start)
	case s.Start == StartSystemd && o.Root != "":
		return nil, errors.New("--start systemd and --root exclude each other: systemd starts what is installed on the machine itself")
	case s.Start == StartSystemd && !within(s.given.Data, s.stateDir()):
		return nil, fmt.Errorf("storage.data: the server's unit lets it write below %s alone: mount the disk there, or start the server yourself (--start none)", s.stateDir())
	case s.Foreground && s.Start != StartChild:
		return nil, errors.New("--foreground runs the server here: it goes with --start child alone")
	}
	s.owner, err = findOwner(o.Root)
	return s, err
}

// step is one part of the set-up.
type step struct {
	name string
	// plan tells what is to be done, "" for nothing.
	plan func(ctx context.Context) (string, error)
	// do does it. It may be called after a plan that told something, and never in a dry run.
	do func(ctx context.Context) error
}

// steps are in the order in which one needs another.
func (s *setup) steps() []step {
	steps := []step{s.folders(), s.certificate(), s.secrets(), s.trust(), s.settings(), s.admin(), s.packs()}
	if s.Start != StartNone {
		steps = append(steps, s.service())
	}
	return append(steps, s.issue())
}

func (s *setup) take(ctx context.Context, st step) error {
	what, err := st.plan(ctx)
	if err != nil {
		return err
	}
	if what == "" {
		s.Log.Info("set-up", "step", st.name, "state", "no change")
		return nil
	}
	s.changes = append(s.changes, st.name+": "+what)
	if s.DryRun {
		s.Log.Info("set-up", "step", st.name, "state", "planned", "change", what)
		return nil
	}
	s.Log.Info("set-up", "step", st.name, "state", "begun", "change", what)
	if err := st.do(ctx); err != nil {
		return err
	}
	s.Log.Info("set-up", "step", st.name, "state", "done")
	return nil
}

func (s *setup) printPlan() error {
	text := ""
	for _, c := range s.changes {
		text += c + "\n"
	}
	if text == "" {
		text = "no change\n"
	}
	_, err := fmt.Fprint(s.Out, text)
	return err
}
