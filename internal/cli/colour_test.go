package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"packregistry/internal/testenv"
)

func TestColours(t *testing.T) {
	var b strings.Builder
	c := &colourer{w: &b}
	// As tabwriter writes it: not in whole lines.
	for _, piece := range []string{"SEVERITY  RULE\ner", "ror     a\n  - gone", "\n\n  errors\n", "warning"} {
		fmt.Fprint(c, piece)
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "SEVERITY  RULE\n\x1b[31merror\x1b[0m     a\n  \x1b[31m-\x1b[0m gone\n\n  errors\n\x1b[33mwarning\x1b[0m"; got != want {
		t.Errorf("%q", got)
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, stream := range []io.Writer{file, &strings.Builder{}} {
		if (&program{}).wantsColour(stream) {
			t.Errorf("%T gets colours", stream)
		}
	}
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		testenv.Missing(t, "a terminal", err)
	}
	defer tty.Close()
	if !isTerminal(tty) {
		testenv.Missing(t, "a terminal", errors.New("/dev/ptmx is none"))
	}
	for env, want := range map[string]bool{"TERM=xterm": true, "TERM=dumb": false, "NO_COLOR=1": false, "NO_COLOR=": true} {
		p := &program{Process: Process{Environ: []string{env, "WT_SESSION=1"}}}
		if p.wantsColour(tty) != want {
			t.Errorf("%s: colours are %v", env, !want)
		}
	}
}
