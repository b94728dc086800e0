package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The rules of a fair round.
const (
	rounds    = 5    // whose median counts
	maxOthers = 0.15 // part of the machine that others may have
	again     = 5    // rounds of a group that may be repeated
	sideLimit = 4 * time.Minute
	makeLimit = 15 * time.Minute // for the catalogues of a group
	idleLimit = 30 * time.Second
)

// bench is a run.
type bench struct {
	registry, fileServer, tools, packs string
	work                               string
	quick, relaxed                     bool
	rounds                             int
	seconds                            float64 // of a load
	shapes                             map[string]shape
	made                               map[string]bool // templates and layouts that are there

	profiling  bool // ours has a debug address
	profileAll bool // profiles are asked for, of all groups
	profileDir string
	profiles   int
	// lock is for what is counted: two loads may run at once, or two catalogues be made.
	lock    sync.Mutex
	group   string // that is being measured, for names of profiles
	numbers int

	ratios  *Ratios
	results *Results
}

// side is a server with the loads on it. It starts the server, measures, and stops it.
type side struct {
	name string
	run  func(ctx context.Context, round int) (map[string]sample, error)
}

// key names a sample of a round: side and load.
type key struct{ side, load string }

// checked is a check of a group: a value of each round.
type checked struct {
	id string
	of []key // the samples it needs, in the order value takes them
	// value is the ratio of the rates of the two samples when nil.
	value func(s []sample) float64
}

// group is what is measured together.
type group struct {
	row         int
	name, title string
	notes       []string
	rounds      int // when it is not the usual number
	prepare     func(ctx context.Context) error
	sides       []side
	checks      []checked
}

func ratioOfRates(s []sample) float64 { return s[0].rate / s[1].rate }
func ratioOfCPU(s []sample) float64   { return s[0].cpu / s[1].cpu }
func ratioOfP99(s []sample) float64   { return s[0].p99 / s[1].p99 }
func plainValue(s []sample) float64   { return s[0].value }

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

// fresh makes an empty folder.
func (b *bench) fresh(what string) (string, error) {
	b.lock.Lock()
	b.numbers++
	dir := filepath.Join(b.work, fmt.Sprintf("%s-%04d", what, b.numbers))
	b.lock.Unlock()
	return dir, os.MkdirAll(dir, 0o755)
}

// measureGroup runs the rounds of a group. What goes wrong is told in its checks; the run goes on.
func (b *bench) measureGroup(ctx context.Context, g group) *Group {
	b.group = fmt.Sprintf("row%02d-%s", g.row, g.name)
	b.say("row %d, %s", g.row, g.title)
	out := &Group{Row: g.row, Name: g.name, Title: g.title, Notes: g.notes}
	for _, c := range g.checks {
		out.Checks = append(out.Checks, &Check{ID: c.id, State: measured})
	}
	b.profiling = b.profileAll
	missing := map[string]string{}
	unquiet := false
	err := b.prepared(ctx, g)
	n := b.rounds
	if g.rounds > 0 && (n >= rounds || g.rounds < n) {
		n = g.rounds
	}
	if b.quick {
		n = min(n, 2)
	}
	for round, repeats := 0, 0; err == nil && round < n; {
		var samples map[key]sample
		if samples, err = b.round(ctx, g, round, missing); err != nil {
			break
		}
		worst := 0.0
		for _, s := range samples {
			worst = max(worst, s.others)
		}
		if worst > maxOthers && !b.quick {
			if repeats < again {
				repeats++
				b.say("  others had %.0f %% of the machine: round %d once more", 100*worst, round+1)
				continue
			}
			unquiet = true
		}
		out.take(g, samples)
		round++
	}
	for i, c := range out.Checks {
		b.settle(g.checks[i], c, missing, err, unquiet)
	}
	if errors.Is(err, errTooFew) {
		b.say("  inconclusive: %v", err)
	} else if err != nil {
		b.say("  failed: %v", err)
	} else {
		b.explain(ctx, g, out, missing)
	}
	return out
}

func (b *bench) prepared(ctx context.Context, g group) error {
	if g.prepare == nil {
		return nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, makeLimit, errors.New("it took too long"))
	defer cancel()
	return g.prepare(limited)
}

// round measures every side once.
func (b *bench) round(ctx context.Context, g group, round int, missing map[string]string) (map[key]sample, error) {
	samples := map[key]sample{}
	for _, i := range order(len(g.sides), round) {
		s := g.sides[i]
		if missing[s.name] != "" {
			continue
		}
		// What the one before left in the page cache is not to be written while this one is measured.
		syscall.Sync()
		if err := waitIdle(idleLimit, b.patience()); err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeoutCause(ctx, sideLimit, errors.New("it took too long"))
		measured, err := s.run(limited, round)
		cancel()
		switch {
		case errors.Is(err, errTooFew):
			return nil, err
		case errors.Is(err, errMissing):
			missing[s.name] = err.Error()
			b.say("  %s is skipped: %v", s.name, err)
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		for load, m := range measured {
			samples[key{s.name, load}] = m
			b.say("  %d %s %s: %s%s, CPU %s ms, p99 %s ms, others %.0f %%", round+1, s.name, load, number(max(m.rate, m.value)), m.unit, number(m.cpu), number(m.p99), 100*m.others)
		}
	}
	return samples, nil
}

// patience is how long a quiet machine is waited for.
func (b *bench) patience() time.Duration {
	if b.quick {
		return time.Second
	}
	return 10 * time.Second
}

// take keeps the samples of a round and the values of the checks.
func (o *Group) take(g group, samples map[key]sample) {
	for _, s := range g.sides {
		for _, load := range loadsOf(samples, s.name) {
			m := samples[key{s.name, load}]
			r := o.side(s.name, load)
			r.Unit = m.unit
			if m.rate > 0 {
				r.Rates = append(r.Rates, m.rate)
			} else {
				r.Rates = append(r.Rates, m.value)
			}
			r.Others = append(r.Others, m.others)
			if m.cpu > 0 {
				r.CPU = append(r.CPU, m.cpu)
			}
			if m.services > 0 {
				r.Services = append(r.Services, m.services)
			}
		}
	}
	for i, c := range g.checks {
		needed := make([]sample, 0, len(c.of))
		for _, k := range c.of {
			if m, ok := samples[k]; ok {
				needed = append(needed, m)
			}
		}
		if len(needed) < len(c.of) {
			continue
		}
		value := c.value
		if value == nil {
			value = ratioOfRates
		}
		if v := value(needed); !math.IsNaN(v) && !math.IsInf(v, 0) {
			o.Checks[i].Values = append(o.Checks[i].Values, v)
		}
	}
}

func (o *Group) side(name, load string) *SideResult {
	for i := range o.Sides {
		if o.Sides[i].Side == name && o.Sides[i].Load == load {
			return &o.Sides[i]
		}
	}
	o.Sides = append(o.Sides, SideResult{Side: name, Load: load})
	return &o.Sides[len(o.Sides)-1]
}

// settle says what a check's values are worth.
func (b *bench) settle(spec checked, c *Check, missing map[string]string, err error, unquiet bool) {
	c.settle()
	for _, k := range spec.of {
		if why := missing[k.side]; why != "" {
			c.State, c.Why = skipped, why
			return
		}
	}
	switch {
	case errors.Is(err, errTooFew):
		c.State, c.Why = inconclusive, err.Error()
	case err != nil:
		c.State, c.Why = failed, err.Error()
	case len(c.Values) == 0:
		c.State, c.Why = failed, "no round gave a value"
	case b.quick:
		c.State, c.Why = inconclusive, "a quick run on small catalogues"
	case b.rounds < rounds:
		c.State, c.Why = inconclusive, fmt.Sprintf("fewer than %d rounds", rounds)
	case spec.id == "12.reads" && runtime.NumCPU() < coresForReplicas:
		c.State, c.Why = inconclusive, errTooFew.Error()
	case unquiet:
		c.State, c.Why = inconclusive, fmt.Sprintf("other processes had over %.0f %% of the machine", 100*maxOthers)
	}
}

// explain takes a profile of ours where a target was missed.
func (b *bench) explain(ctx context.Context, g group, out *Group, missing map[string]string) {
	var missed []*Check
	for _, c := range out.Checks {
		if t := b.ratios.target(c.ID); t != nil && (c.State == measured || c.State == inconclusive) && !t.reached(c.Median) {
			missed = append(missed, c)
		}
	}
	if len(missed) == 0 || (b.quick && !b.profileAll) {
		return
	}
	if !b.profileAll {
		b.profiling = true
		for _, s := range g.sides {
			if missing[s.name] != "" || !isOurs(s.name) {
				continue
			}
			limited, cancel := context.WithTimeout(ctx, sideLimit)
			if _, err := s.run(limited, rounds); err != nil {
				b.say("  no profile of %s: %v", s.name, err)
			}
			cancel()
		}
		b.profiling = false
	}
	text := b.top(ctx, b.group)
	for _, c := range missed {
		c.Profile = text
	}
}

func isOurs(name string) bool { return len(name) >= 4 && name[:4] == "ours" }

func loadsOf(samples map[key]sample, side string) []string {
	var loads []string
	for k := range samples {
		if k.side == side {
			loads = append(loads, k.load)
		}
	}
	slices.SortFunc(loads, func(a, b string) int {
		m, aerr := strconv.Atoi(a)
		n, berr := strconv.Atoi(b)
		if aerr == nil && berr == nil {
			return m - n
		}
		return strings.Compare(a, b)
	})
	return loads
}
