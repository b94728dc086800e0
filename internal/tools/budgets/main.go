// Command budgets measures a running registry against the budgets of the project: resident
// memory, CPU per request, throughput, start-up. It drives the real binary over loopback on both back
// ends and prints a Markdown report; scripts/bench.sh puts it into docs/performance.md.
//
// Postgres and S3 come from the environment that internal/tools/testservices sets.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

func main() {
	bin := flag.String("bin", "bin/registry", "the registry program")
	packs := flag.String("packs", "", "a folder of real packs (zip)")
	flag.Parse()
	if err := run(os.Stdout, *bin, *packs); err != nil {
		fmt.Fprintln(os.Stderr, "budgets:", err)
		os.Exit(1)
	}
}

// row is one line of the report. A row without budget is for information.
type row struct {
	what, where string
	got, budget float64
	unit        string
}

func (r row) verdict() string {
	switch {
	case r.budget == 0:
		return ""
	case r.got <= r.budget:
		return "within"
	default:
		return "over"
	}
}

func run(w io.Writer, bin, packs string) error {
	work, err := os.MkdirTemp("", "registry-budgets-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{bin: bin, packs: packs, work: work}
	if err := b.htpasswd(); err != nil {
		return err
	}
	for _, measure := range []func() error{
		b.startup, b.smallDownload, b.smallUpload, b.realPacks, b.unchanged, b.memory,
	} {
		if err := measure(); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "Measured %s, %s, %s/%s, %d cores. The server runs with authentication on and every write synced.\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintln(w, "| what | back end | measured | budget | |")
	fmt.Fprintln(w, "|---|---|---:|---:|---|")
	for _, r := range b.rows {
		budget := ""
		if r.budget > 0 {
			budget = fmt.Sprintf("%g %s", r.budget, r.unit)
		}
		fmt.Fprintf(w, "| %s | %s | %.3g %s | %s | %s |\n", r.what, r.where, r.got, r.unit, budget, r.verdict())
	}
	return nil
}
