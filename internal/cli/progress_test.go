package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	g := newProgress(&out, 0, time.Now)
	gone := g.transfer("argo-cd:3.26.7", 4000)
	gone(0)
	gone(4000) // the end of the first is not the end of the bar
	next := g.transfer("nginx:1.0.0", 6000)
	next(5000)
	next(0) // an attempt that begins again
	next(6000)
	g.talk(func() { fmt.Fprintln(&out, "a line") })
	g.close()
	next(6000) // a transport that still reads
	text := out.String()
	for _, want := range []string{"argo-cd:3.26.7", "nginx:1.0.0", "/10", "kB", "\ra line\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %q", want, text)
		}
	}
	if last := text[strings.LastIndex(text, "a line\n")+len("a line\n"):]; strings.TrimSpace(last) != "" {
		t.Errorf("the bar was not taken away: %q", last)
	}
}

// From its first drawing the bar tells what is moved, and when all has gone it says so at once, however fast that was.
func TestProgressOfOneTransfer(t *testing.T) {
	var out bytes.Buffer
	g := newProgress(&out, time.Hour, time.Now)
	gone := g.transfer("argo-cd:3.26.7", 4000)
	for n := range int64(4) {
		gone(n * 1000)
	}
	gone(4000)
	drawings := strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\r' })
	drawings = slices.DeleteFunc(drawings, func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(drawings) != 2 || !strings.Contains(drawings[0], "argo-cd:3.26.7   0%") || !strings.Contains(drawings[0], "/4.0 kB") || !strings.Contains(drawings[1], "(4.0/4.0 kB") {
		t.Errorf("%q", drawings)
	}
}

// Where there is no terminal nothing is shown, and lines do not mix.
func TestProgressWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	p := &program{Process: Process{Stderr: &out}}
	g := p.progress()
	defer g.close()
	g.transfer("argo-cd:3.26.7", 1000)(500)
	if out.Len() > 0 {
		t.Errorf("%q was shown", out.String())
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { g.talk(func() { fmt.Fprint(&out, "one "); fmt.Fprintln(&out, "line") }) })
	}
	all.Wait()
	if got := out.String(); got != strings.Repeat("one line\n", 20) {
		t.Errorf("%q", got)
	}
}
