package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profile takes a profile of our server while it is under load, when the run is one for profiles. The function it
// gives waits for it.
func (b *bench) profile(s *server, seconds float64) (wait func() error) {
	if s == nil || s.debug == "" || !b.profiling {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		n := max(1, int(seconds))
		done <- b.fetchProfile(s, fmt.Sprintf("profile?seconds=%d", n), "cpu")
	}()
	return func() error { return <-done }
}

// fetchProfile keeps a profile of a kind in the folder of profiles.
func (b *bench) fetchProfile(s *server, what, kind string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	at := *s
	at.url, at.header = "http://"+s.debug, basic()
	c := client(1)
	defer c.CloseIdleConnections()
	_, body, err := expect(ctx, c, &at, http.MethodGet, "/debug/pprof/"+what, nil, nil, http.StatusOK)
	if err != nil {
		return err
	}
	b.lock.Lock()
	b.profiles++
	n := b.profiles
	b.lock.Unlock()
	return os.WriteFile(filepath.Join(b.profileDir, fmt.Sprintf("%s-%02d.%s.pprof", b.group, n, kind)), body, 0o644)
}

// top is the head of a group's profiles, for the page.
func (b *bench) top(ctx context.Context, group string) string {
	files, err := filepath.Glob(filepath.Join(b.profileDir, group+"-*.pprof"))
	if err != nil || len(files) == 0 {
		return ""
	}
	kind := "cpu"
	if strings.Contains(files[0], ".heap.") {
		kind = "heap"
	}
	out, err := run(ctx, nil, "go", append([]string{"tool", "pprof", "-top", "-cum", "-nodecount=400", b.registry}, files...)...)
	if err != nil {
		return err.Error()
	}
	return kind + "\n" + shorten(out)
}

// shorten keeps the lines of a profile that are about our own code or about where time ends up.
func shorten(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[1], "%") {
			continue
		}
		name := strings.Join(fields[5:], " ")
		// What every request passes, and closures of what is listed anyway, say nothing.
		wrapper := strings.Contains(name, "/api.(*server).") || strings.Contains(name, "/api/gen.(*") || strings.Contains(name, ".func")
		mine := strings.HasPrefix(name, "packregistry/") && !wrapper && part(fields[4]) >= 2
		if mine || part(fields[1]) >= 2 {
			kept = append(kept, fmt.Sprintf("%8s flat %8s cum  %s", fields[1], fields[4], name))
		}
		if len(kept) == 24 {
			break
		}
	}
	return strings.Join(kept, "\n")
}

func part(percent string) float64 {
	var v float64
	if _, err := fmt.Sscanf(percent, "%f%%", &v); err != nil {
		return 0
	}
	return v
}
