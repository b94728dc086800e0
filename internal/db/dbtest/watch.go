package dbtest

import (
	"context"
	"testing"
	"time"
)

func watchTests() []test {
	return []test{
		{"a change wakes, also on the other replica", watchWakes},
		{"the channel closes with its context", watchEnds},
	}
}

// woken waits for a signal; far longer than it may take, but not for ever.
func woken(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-ch:
		if !open {
			t.Fatal("the channel was closed")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no signal")
	}
}

func watchWakes(t *testing.T, env Env) {
	other := env.Reopen(t)
	eventually(t, "both are live", func() bool { return env.DB.Live() && other.Live() })
	here, there := env.DB.Watch(t.Context()), other.Watch(t.Context())
	for _, version := range []string{"1.0.0", "2.0.0"} {
		push(t, env.DB, "default", "watched", version)
		head := must(env.DB.Head(t.Context()))(t)
		for _, ch := range []<-chan struct{}{here, there} {
			woken(t, ch)
		}
		// A signal may also come for nothing, and two may be one: what counts is that
		// after the signal the head is there.
		if got := must(other.Head(t.Context()))(t); got != head {
			t.Errorf("woken, but the head is %v, not %v", got, head)
		}
		for range 2 { // what was late
			select {
			case <-here:
			case <-there:
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	// A watcher that does not read blocks nobody.
	for _, version := range []string{"3.0.0", "4.0.0", "5.0.0"} {
		push(t, other, "default", "watched", version)
	}
	woken(t, here)
	woken(t, there)
}

func watchEnds(t *testing.T, env Env) {
	ctx, cancel := context.WithCancel(t.Context())
	ch := env.DB.Watch(ctx)
	staying := env.DB.Watch(t.Context())
	cancel()
	eventually(t, "the channel is closed", func() bool {
		select {
		case _, open := <-ch:
			return !open
		default:
			return false
		}
	})
	push(t, env.DB, "default", "x", "1.0.0")
	woken(t, staying)
}
