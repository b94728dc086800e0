package registry_test

import (
	"context"
	"errors"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

// TestStreamsAreBounded fills all places with readers that stand still: everything else goes on, one reader more
// waits until its context ends, and a place that is given back serves the next.
func TestStreamsAreBounded(t *testing.T) {
	both(t, func(t *testing.T, open func(t testing.TB, changes ...change) *env) {
		e := open(t)
		e.publish(upload(packtest.PackZip("slow", "1.0.0")), db.Created)
		release, reading, ended := make(chan struct{}), make(chan struct{}), make(chan error)
		for range registry.MaxStreams {
			go func() {
				_, err := e.Catalogue(t.Context(), ns, func(*pack.Version) error {
					reading <- struct{}{}
					<-release
					return nil
				})
				ended <- err
			}()
		}
		for range registry.MaxStreams {
			<-reading
		}
		if _, err := e.Resolve(t.Context(), ns, "slow", "latest"); err != nil {
			t.Errorf("resolve beside slow readers: %v", err)
		}
		e.publish(upload(packtest.PackZip("slow", "1.1.0")), db.Created)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Catalogue(ctx, ns, func(*pack.Version) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("one reader more: %v", err)
		}
		close(release)
		for range registry.MaxStreams {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		n := 0
		if _, err := e.Catalogue(t.Context(), ns, func(*pack.Version) error { n++; return nil }); err != nil || n != 2 {
			t.Errorf("afterwards: %d versions, %v", n, err)
		}
	})
}
