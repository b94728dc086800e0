package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	var err error
	switch {
	case filepath.Base(os.Args[0]) == fileServerName && len(os.Args) == 3:
		err = serveFiles(os.Args[1], os.Args[2])
	case len(os.Args) < 2:
		err = errUsage
	default:
		err = dispatch(os.Args[1], os.Args[2:])
	}
	switch {
	case err == nil:
	case errors.Is(err, errUsage), errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(os.Stderr, "usage: registry-bench run|report|check [flags]; -h after one of them lists its flags")
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "registry-bench:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func dispatch(verb string, args []string) error {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	ratios := flags.String("ratios", "bench/ratios.yaml", "the targets")
	results := flags.String("results", "bench/results.json", "the file of results")
	switch verb {
	case "run":
		return runVerb(flags, args, ratios, results)
	case "report":
		var r reportOptions
		flags.StringVar(&r.findings, "findings", "bench/findings.md", "what was found, in Markdown")
		flags.StringVar(&r.more, "more", "", "further parts of the page, in Markdown, separated by commas")
		out := flags.String("out", "docs/performance.md", "the page to write")
		if err := flags.Parse(args); err != nil {
			return errUsage
		}
		return writeReport(*out, *ratios, *results, r)
	case "check":
		if err := flags.Parse(args); err != nil {
			return errUsage
		}
		return checkVerb(os.Stdout, *ratios, *results)
	}
	return errUsage
}

// checkVerb compares a file of results with the targets.
func checkVerb(w io.Writer, ratiosPath, resultsPath string) error {
	ratios, err := readRatios(ratiosPath)
	if err != nil {
		return err
	}
	results, err := readResults(resultsPath)
	if err != nil {
		return err
	}
	if !compare(w, ratios, results) {
		return errors.New("not every target is reached")
	}
	return nil
}

func runVerb(flags *flag.FlagSet, args []string, ratiosPath, resultsPath *string) error {
	b := &bench{made: map[string]bool{}, seconds: 1.5}
	rows := flags.String("rows", "", "only these rows, such as 1,2")
	profile := flags.String("profile", "", "keep profiles of ours, of every row, in this folder")
	flags.StringVar(&b.registry, "registry", "bin/registry", "the program to measure")
	flags.StringVar(&b.tools, "tools", ".tools", "the folder of tools and peers")
	flags.StringVar(&b.packs, "packs", "../shared/packs", "a folder of real packs (zip)")
	flags.StringVar(&b.work, "work", os.TempDir(), "where catalogues and stores go; some 15 GB for a full run")
	flags.BoolVar(&b.quick, "quick", false, "small catalogues and short rounds, to see that everything works; nothing counts")
	flags.IntVar(&b.rounds, "rounds", rounds, "rounds of a group; with fewer than five nothing counts")
	flags.BoolVar(&b.relaxed, "relaxed", false, "run row 12 on fewer than four cores too; it stays inconclusive")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 || b.rounds < 1 {
		return errUsage
	}
	only, err := numbers(*rows)
	if err != nil {
		return err
	}
	if b.ratios, err = readRatios(*ratiosPath); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.open(*profile); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	if err := b.runRows(ctx, only); err != nil {
		return err
	}
	r := b.results
	if len(only) > 0 {
		if old, err := readResults(*resultsPath); err == nil {
			old.merge(r)
			r = old
		}
	}
	if err := r.write(*resultsPath); err != nil {
		return err
	}
	for _, g := range b.results.Groups {
		for _, c := range g.Checks {
			if c.State == failed {
				return fmt.Errorf("row %d, %s failed: %s", g.Row, c.ID, c.Why)
			}
		}
	}
	return nil
}

// open makes the paths absolute and the folders.
func (b *bench) open(profile string) error {
	var err error
	for _, path := range []*string{&b.registry, &b.tools, &b.packs} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if _, err := os.Stat(b.registry); err != nil {
		return err
	}
	if b.quick {
		b.seconds = 0.7
	}
	b.shapes = shapes(b.quick)
	if b.work, err = os.MkdirTemp(b.work, "registry-bench-"); err != nil {
		return err
	}
	if err := os.Chmod(b.work, 0o755); err != nil { // Postgres may run as somebody else
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := b.htpasswd(0); err != nil {
		return err
	}
	b.fileServer = filepath.Join(b.work, fileServerName)
	if err := errors.Join(copyFile(self, b.fileServer), os.Chmod(b.fileServer, 0o755)); err != nil {
		return err
	}
	b.profileDir, b.profileAll = filepath.Join(b.work, "profiles"), profile != ""
	if b.profileAll {
		if b.profileDir, err = filepath.Abs(profile); err != nil {
			return err
		}
	}
	return os.MkdirAll(b.profileDir, 0o755)
}

func (b *bench) runRows(ctx context.Context, only []int) error {
	begin := time.Now()
	b.results = &Results{At: begin.UTC().Truncate(time.Second), Quick: b.quick, Machine: thisMachine(), Programs: b.versions(ctx)}
	for _, g := range b.groups() {
		if len(only) > 0 && !slices.Contains(only, g.row) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.results.Groups = append(b.results.Groups, b.measureGroup(ctx, g))
	}
	b.results.Seconds = time.Since(begin).Seconds()
	return ctx.Err()
}

// groups are all rows, in order.
func (b *bench) groups() []group {
	return slices.Concat(b.uploadGroups(), b.downloadGroups(), b.authGroups(), b.pollGroups(), b.catalogueGroups(),
		b.deltaGroups(), b.searchGroups(), b.memoryGroups(), b.startGroups(), b.decayGroups(), b.replicaGroups())
}

func numbers(list string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > 12 {
			return nil, fmt.Errorf("%q is no row; there are 1 to 12", part)
		}
		out = append(out, n)
	}
	return out, nil
}

func decodeObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var m map[string]any
	err := d.Decode(&m)
	return m, err
}

func encodeObject(m map[string]any) ([]byte, error) { return json.Marshal(m) }
