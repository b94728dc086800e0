package cli

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how many bytes of all transfers of a command have gone, and how fast, in one line at the end of a terminal.
// Where there is no terminal it shows nothing. It may be used concurrently.
type progress struct {
	mu          sync.Mutex
	on          io.Writer     // nil shows nothing
	interval    time.Duration // between two drawings, but for the end of a transfer, which is drawn at once
	now         func() time.Time
	bar         *progressbar.ProgressBar // nil before the first transfer
	drawn       time.Time
	size, moved int64 // bytes of all transfers so far
}

// progress makes one for a command; what it does not show costs nothing.
func (p *program) progress() *progress {
	if !isTerminal(p.Stderr) || p.getenv("TERM") == "dumb" {
		return &progress{}
	}
	return newProgress(p.Stderr, 100*time.Millisecond, p.Now)
}

// newProgress draws on w, on the way no more than once in an interval.
func newProgress(w io.Writer, interval time.Duration, now func() time.Time) *progress {
	return &progress{on: w, interval: interval, now: now}
}

// transfer begins a transfer and gives who is to be told how many of its bytes have gone. A lower number than
// before begins it anew.
func (g *progress) transfer(label string, size int64) (gone func(int64)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.on == nil {
		return func(int64) {}
	}
	g.size += size
	// The byte too much keeps the bar from ending, which it does for ever, before another transfer begins.
	if g.bar == nil {
		g.bar = progressbar.NewOptions64(g.size+1, progressbar.OptionSetDescription(label),
			progressbar.OptionSetWriter(g.on), progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(),
		)
	} else {
		g.bar.ChangeMax64(g.size + 1)
		g.bar.Describe(label)
	}
	last := int64(0)
	return func(n int64) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.on == nil {
			return // a transport may still read what it will not send
		}
		g.moved += n - last
		last = n
		// A server may take its time after the last byte, and until then the bar should say that all have gone.
		if now := g.now(); n >= size || now.Sub(g.drawn) >= g.interval {
			g.drawn = now
			_ = g.bar.Set64(g.moved) // that it cannot be drawn is no failure of the command
		}
	}
}

// talk lets f write lines to the terminal without the bar in them. One f runs at a time, also where there is no bar.
func (g *progress) talk(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bar != nil {
		_ = g.bar.Clear()
	}
	f()
}

// close takes the bar away.
func (g *progress) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bar != nil {
		_ = g.bar.Clear()
	}
	g.on, g.bar = nil, nil
}
