package push

import (
	"context"
	"errors"
	"sync"
)

// ErrNotTried is for a source that was left after another had failed.
var ErrNotTried = errors.New("not tried")

// Each does n jobs, up to workers of them at a time, in order of their numbers, and gives the error of each. After a
// failure no more are begun, unless goOn; those that run are let finish, so that it is known what became of them.
func Each(ctx context.Context, n, workers int, goOn bool, do func(ctx context.Context, i int) error) []error {
	errs := make([]error, n)
	var (
		mu     sync.Mutex
		next   int
		failed bool
		all    sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == n || ctx.Err() != nil || (failed && !goOn) {
			return 0, false
		}
		next++
		return next - 1, true
	}
	for range min(workers, n) {
		all.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if errs[i] = do(ctx, i); errs[i] != nil {
					mu.Lock()
					failed = true
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for i := next; i < n; i++ {
		errs[i] = ErrNotTried
	}
	return errs
}
