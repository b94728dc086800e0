package push_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"packregistry/internal/cli/push"
)

func TestEach(t *testing.T) {
	bad := errors.New("bad")
	for name, c := range map[string]struct {
		workers int
		goOn    bool
		want    []error
	}{
		"stops":                {1, false, []error{nil, bad, push.ErrNotTried, push.ErrNotTried}},
		"goes on":              {1, true, []error{nil, bad, nil, bad}},
		"goes on, all at once": {9, true, []error{nil, bad, nil, bad}},
	} {
		t.Run(name, func(t *testing.T) {
			got := push.Each(context.Background(), 4, c.workers, c.goOn, func(_ context.Context, i int) error {
				if i%2 == 1 {
					return bad
				}
				return nil
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("%v", got)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	got := push.Each(ctx, 3, 1, true, func(context.Context, int) error { cancel(); return nil })
	if want := []error{nil, push.ErrNotTried, push.ErrNotTried}; !slices.Equal(got, want) {
		t.Errorf("after an interrupt: %v", got)
	}
	// Not more than the workers at a time, and as many.
	var running, most atomic.Int32
	var begun sync.WaitGroup
	begun.Add(3)
	push.Each(context.Background(), 10, 3, false, func(_ context.Context, i int) error {
		if now := running.Add(1); now > most.Load() {
			most.Store(now)
		}
		if i < 3 {
			begun.Done()
			begun.Wait()
		}
		running.Add(-1)
		return nil
	})
	if most.Load() != 3 {
		t.Errorf("%d jobs ran at the same time", most.Load())
	}
}
