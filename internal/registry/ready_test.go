package registry_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/storage/storagetest"
)

// notReady names the parts that do not work.
func (e *env) notReady() []string {
	e.t.Helper()
	var bad []string
	names := map[string]bool{}
	for _, p := range e.Ready(e.t.Context()) {
		names[p.Name] = true
		if !p.OK {
			bad = append(bad, p.Name)
		}
		if p.OK != (p.Detail == "") {
			e.t.Errorf("%+v", p)
		}
	}
	if len(names) != 4 {
		e.t.Errorf("parts %v", names)
	}
	return bad
}

func TestReadyTellsEachPart(t *testing.T) {
	e := embedded(t)
	is := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, e.notReady()); diff != "" {
			t.Error(diff)
		}
	}
	is()
	e.noSpools()
	e.store.Fail(storagetest.OpCheck, storagetest.Fault{})
	is("storage")
	is()
	if err := os.Remove(e.cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	is("spool")
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	is("database", "schema", "spool")
}

// A newer release that migrates the database under a running server does not make it unready; steps taken back do.
func TestReadyOnAnotherSchema(t *testing.T) {
	e := embedded(t)
	_, known, err := e.db.SchemaVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for applied, want := range map[int][]string{known: nil, known + 1: nil, known - 1: {"schema"}} {
		e.db.applied.Store(int64(applied))
		if diff := cmp.Diff(want, e.notReady()); diff != "" {
			t.Errorf("schema %d of %d: %s", applied, known, diff)
		}
	}
}

// TestReadyWithAPartThatHangs: a part that does not even heed its context.
func TestReadyWithAPartThatHangs(t *testing.T) {
	e := embedded(t)
	release := make(chan struct{})
	started := make(chan struct{}, 10)
	e.store.Before(storagetest.OpCheck, func(context.Context, pack.Digest) error {
		started <- struct{}{}
		<-release
		return nil
	})
	for range 2 {
		if got := e.notReady(); len(got) != 1 || got[0] != "storage" {
			t.Errorf("not ready: %v", got)
		}
	}
	if n := len(started); n != 1 {
		t.Errorf("%d checks hang at once", n)
	}
	close(release)
	for len(e.notReady()) > 0 { // the test's own time limit ends this
		time.Sleep(time.Millisecond)
	}
}

// Those who ask at once get one answer: a check under way is no fault.
func TestReadyAskedAtOnce(t *testing.T) {
	e := embedded(t)
	release := make(chan struct{})
	started := make(chan struct{}, 100)
	e.store.Before(storagetest.OpCheck, func(context.Context, pack.Digest) error {
		started <- struct{}{}
		<-release
		return nil
	})
	var asked sync.WaitGroup
	ask := func(ctx context.Context, answered bool) {
		asked.Go(func() {
			for _, p := range e.Ready(ctx) {
				if !p.OK && answered {
					t.Errorf("%s is not ready: %s", p.Name, p.Detail)
				}
			}
		})
	}
	// The first goes before it is answered, and takes nobody's answer with it.
	first, leave := context.WithCancel(t.Context())
	ask(first, false)
	<-started
	for range 8 {
		ask(t.Context(), true)
	}
	leave()
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	asked.Wait()
}
