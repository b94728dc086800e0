package main

import (
	"fmt"
	"os"
	"strings"
)

// reportOptions name what else is on the page.
type reportOptions struct {
	findings string // a file
	more     string // files, separated by commas
}

// writeReport writes the page.
func writeReport(out, ratiosPath, resultsPath string, o reportOptions) error {
	ratios, err := readRatios(ratiosPath)
	if err != nil {
		return err
	}
	results, err := readResults(resultsPath)
	if err != nil {
		return err
	}
	findings, err := os.ReadFile(o.findings)
	if err != nil {
		return err
	}
	var more []string
	for path := range strings.SplitSeq(o.more, ",") {
		if path = strings.TrimSpace(path); path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		more = append(more, string(text))
	}
	return os.WriteFile(out, []byte(page(ratios, results, string(findings), more)), 0o644)
}

// page is docs/performance.md.
func page(ratios *Ratios, r *Results, findings string, more []string) string {
	var b strings.Builder
	b.WriteString("# Performance\n\n`make bench` writes this page; nothing in it is written by hand but the table of findings (bench/findings.md), whose figures are of the day of each mend. Figures of another machine are other figures; the ratios are what to look at.\n\n")
	if r.Quick {
		b.WriteString("**A quick run on small catalogues, to see that everything works: nothing here counts.**\n\n")
	}
	machine(&b, r)
	b.WriteString("## Targets\n\n| row | what | target | median | min to max | |\n|---:|---|---:|---:|---:|---|\n")
	counts := map[string]int{}
	for _, row := range ratios.Rows {
		for i, t := range row.Checks {
			c := r.check(t.ID)
			word := verdict(&t, c)
			counts[word]++
			number, title := "", ""
			if i == 0 {
				number, title = itoa(row.Row), "**"+row.Title+"**: "
			}
			median, spread := "", ""
			if c != nil && len(c.Values) > 0 {
				median = format(c.Median, t.Unit)
				spread = format(c.Min, "") + " to " + format(c.Max, "")
			}
			fmt.Fprintf(&b, "| %s | %s%s | %s | %s | %s | %s |\n", number, title, t.What, t.goal(), median, spread, word)
		}
	}
	b.WriteString("\n" + tally(counts) + "\n\n")
	rows(&b, ratios, r)
	missed(&b, ratios, r)
	b.WriteString("## Findings\n\n" + strings.TrimSpace(findings) + "\n")
	for _, text := range more {
		b.WriteString("\n" + strings.TrimSpace(text) + "\n")
	}
	return b.String()
}

func machine(b *strings.Builder, r *Results) {
	m := r.Machine
	fmt.Fprintf(b, "Measured %s in %.0f minutes on %d cores (%s), %s of memory, %s, Linux %s, %s.", r.At.Format("2006-01-02 15:04 UTC"), r.Seconds/60, m.Cores, m.CPU, m.Memory, m.System, m.Kernel, m.Go)
	for i, p := range r.Programs {
		separator := "; "
		if i == 0 {
			separator = " With "
		}
		b.WriteString(separator + p.Name + ": " + oneLine(p.Version))
	}
	b.WriteString(`.

How it is measured: real processes over loopback, one server alive at a time, each waited for until it is idle and the disk has nothing to write. Rounds go to and
fro (A B, B A); the ratio is taken in each round, and the median of the rounds counts. Each round has fresh storage and new content; catalogues of a million versions, which are only read, are
made once. Bodies are hashed, before, during and after a load, and of deltas the changes are counted before and after; an answer that is no success fails the row. A round in which other processes had more than 15 % of the machine is repeated;
where that does not help, the row is inconclusive. Ours runs with authentication on, syncs to the disk before it answers 201, and checks every archive in full. CPU is user
and system time of the server's process tree for an operation, from ` + "`/proc`" + `; that of Postgres and of the S3 server stands beside it. ` + "`wrk`" + ` is the client of small GETs and of deltas, a Go client of everything else; client
and server share the cores.

`)
}

// rows has the figures behind the targets.
func rows(b *strings.Builder, ratios *Ratios, r *Results) {
	b.WriteString("## Figures\n")
	for _, row := range ratios.Rows {
		fmt.Fprintf(b, "\n### %d. %s\n", row.Row, row.Title)
		for _, g := range r.Groups {
			if g.Row != row.Row {
				continue
			}
			fmt.Fprintf(b, "\n%s. The medians of %d rounds:\n\n", capital(g.Title), g.rounds())
			b.WriteString("| server | load | measured | min to max | CPU of it | of database and store |\n|---|---|---:|---:|---:|---:|\n")
			for _, s := range g.Sides {
				fmt.Fprintf(b, "| %s | %s | %s | %s to %s | %s | %s |\n", s.Side, s.Load, format(median(s.Rates), strings.TrimSpace(s.Unit)),
					format(lowest(s.Rates), ""), format(highest(s.Rates), ""), cpu(s.CPU), cpu(s.Services))
			}
			for _, n := range g.Notes {
				b.WriteString("\n" + n + "\n")
			}
			whys(b, g)
		}
	}
	b.WriteString("\n")
}

// whys tells why checks say nothing, each reason once.
func whys(b *strings.Builder, g *Group) {
	told := map[string]bool{}
	for _, c := range g.Checks {
		reason := c.State + ": " + oneLine(c.Why)
		if c.Why == "" || told[reason] {
			continue
		}
		told[reason] = true
		var ids []string
		for _, other := range g.Checks {
			if other.State == c.State && other.Why == c.Why {
				ids = append(ids, other.ID)
			}
		}
		fmt.Fprintf(b, "\n%s: %s\n", strings.Join(ids, ", "), reason)
	}
}

// missed shows the profile of each target that was not reached.
func missed(b *strings.Builder, ratios *Ratios, r *Results) {
	shown := map[string]bool{}
	for _, g := range r.Groups {
		for _, c := range g.Checks {
			t := ratios.target(c.ID)
			if t == nil || c.State != measured || t.reached(c.Median) || c.Profile == "" || shown[g.Name] {
				continue
			}
			if len(shown) == 0 {
				b.WriteString("## What was not reached, and where the time goes\n\nThe functions of ours, and what the time ends up in, by their part of the server's CPU (or memory) under the load of the row.\n")
			}
			shown[g.Name] = true
			var ids []string
			for _, other := range g.Checks {
				if t := ratios.target(other.ID); t != nil && other.State == measured && !t.reached(other.Median) {
					ids = append(ids, fmt.Sprintf("%s (%s, %s)", other.ID, format(other.Median, t.Unit), t.goal()))
				}
			}
			kind, profile, _ := strings.Cut(c.Profile, "\n")
			fmt.Fprintf(b, "\n### %s: %s\n\n%s; %s profile:\n\n```\n%s\n```\n", itoa(g.Row), g.Title, strings.Join(ids, "; "), kind, profile)
		}
	}
	if len(shown) > 0 {
		b.WriteString("\n")
	}
}

func tally(counts map[string]int) string {
	var parts []string
	for _, word := range []string{"reached", "missed", inconclusive, skipped, failed, "not measured"} {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return capital(strings.Join(parts, ", ")) + "."
}

// rounds is how many there were.
func (g *Group) rounds() int {
	n := 0
	for _, s := range g.Sides {
		n = max(n, len(s.Rates))
	}
	return n
}

func format(v float64, u string) string {
	if strings.HasPrefix(u, "/") {
		return number(v) + u
	}
	return number(v) + unit(u)
}

func cpu(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	return number(median(values)) + " ms"
}

func lowest(values []float64) float64 {
	least := values[0]
	for _, v := range values {
		least = min(least, v)
	}
	return least
}

func highest(values []float64) float64 {
	most := values[0]
	for _, v := range values {
		most = max(most, v)
	}
	return most
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
