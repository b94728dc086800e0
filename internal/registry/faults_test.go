package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage/storagetest"
)

// steps are the places at which a publish can break. Each is tried in both ways:
// nothing happened, and it happened and said it did not.
var steps = []struct {
	name string
	arm  func(e *env, done bool)
}{
	{"lease", func(e *env, done bool) { e.db.fail("lease", dbFault{done: done}) }},
	{"stat", func(e *env, done bool) { e.store.Fail(storagetest.OpStat, storagetest.Fault{Done: done}) }},
	{"first blob", func(e *env, done bool) { e.store.Fail(storagetest.OpPut, storagetest.Fault{Done: done}) }},
	{"last blob", func(e *env, done bool) { e.store.Fail(storagetest.OpPut, storagetest.Fault{Done: done, Skip: 1}) }},
	{"transaction", func(e *env, done bool) { e.db.fail("publish", dbFault{done: done}) }},
}

// TestAPublishBreaksAtEachStep: an error is told, nothing acknowledged is lost,
// the same upload again succeeds, and a sweep leaves nothing over. With crash,
// the process also never gives its lease back.
func TestAPublishBreaksAtEachStep(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t, func(c *registry.Config) { c.LeaseTTL = 5 * time.Second })
		n := 0
		for _, step := range steps {
			for _, done := range []bool{false, true} {
				if done && step.name == "stat" {
					continue // looking has no effect
				}
				for _, crash := range []bool{false, true} {
					for _, replace := range []bool{false, true} {
						n++
						name := fmt.Sprintf("web%d", n)
						t.Run(fmt.Sprintf("%s/done=%t/crash=%t/replace=%t", step.name, done, crash, replace), func(t *testing.T) {
							e := *e
							e.t = t
							breakOne(&e, name, step.arm, done, crash, replace)
						})
					}
				}
			}
		}
		e.clean()
	})
}

func breakOne(e *env, name string, arm func(*env, bool), done, crash, replace bool) {
	t := e.t
	old := packtest.PackZip(name, "1.0.0", packtest.File("note.txt", "old"))
	var before *pack.Version
	if replace {
		before = e.publish(upload(old), db.Created)
	}
	body := packtest.PackTarGz(name, "1.0.0", packtest.File("note.txt", "new"))
	arm(e, done)
	if crash {
		e.db.fail("release", dbFault{always: true})
	}
	_, err := e.Publish(t.Context(), forced(body))
	wantKind(t, err, pack.KindUnavailable, "")
	e.store.Reset()
	e.db.heal()
	e.noSpools()

	if replace {
		if got := e.fetch(e.resolve(name, string(before.Digest)), pack.FormatZip); string(got) != string(old) {
			t.Fatal("the acknowledged content is lost")
		}
	}
	report, err := e.Verify(t.Context())
	if err != nil || !report.Clean() {
		t.Fatalf("after the failure: %+v %v", report, err)
	}
	// A sweep between the failure and the retry must not harm the retry.
	if _, err := e.Sweep(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	p, err := e.Publish(t.Context(), forced(body))
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	if got := e.fetch(e.resolve(name, "1.0.0"), pack.FormatTarGz); string(got) != string(body) {
		t.Fatal("the retry is not what was uploaded")
	}
	want := 1
	if replace {
		want = 2
	}
	if p.Version.Revision != want {
		t.Errorf("revision %d, want %d", p.Version.Revision, want)
	}
}

// TestAnUploadAbandonedByItsClient cancels the context at each step.
func TestAnUploadAbandonedByItsClient(t *testing.T) {
	e := embedded(t)
	for i, arm := range []func(storagetest.Hook){
		func(h storagetest.Hook) { e.store.Before(storagetest.OpStat, h) },
		func(h storagetest.Hook) { e.store.Before(storagetest.OpPut, h) },
		func(h storagetest.Hook) { e.store.After(storagetest.OpPut, h) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		arm(func(context.Context, pack.Digest) error { cancel(); return nil })
		body := packtest.PackZip(fmt.Sprintf("web%d", i), "1.0.0")
		_, err := e.Publish(ctx, upload(body))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("step %d: error %v", i, err)
		}
		e.store.Reset()
		e.noSpools()
		// The lease was given back though the context was over.
		e.clean()
		if n := len(e.blobs()); n != i {
			t.Errorf("step %d: %d blobs left", i, n)
		}
		e.publish(upload(body), db.Created)
	}
}

// TestABlobThatIsThereIsNotWrittenAgain: two namespaces share bytes.
func TestABlobThatIsThereIsNotWrittenAgain(t *testing.T) {
	e := embedded(t)
	body := packtest.PackZip("web", "1.0.0")
	e.publish(upload(body), db.Created)
	u := upload(body)
	u.Namespace = "team/edge"
	e.publish(u, db.Created)
	if n := len(e.store.Calls(storagetest.OpPut)); n != 1 {
		t.Errorf("%d puts", n)
	}
	if err := e.DeletePack(t.Context(), ns, "web", "tester"); err != nil {
		t.Fatal(err)
	}
	e.clean()
	v, err := e.Resolve(t.Context(), "team/edge", "web", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	e.fetch(v, pack.FormatZip)
}

// TestALeaseThatRanOut: a publish slower than its lease must not become true,
// for its blobs may have been swept.
func TestALeaseThatRanOut(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t, func(c *registry.Config) { c.LeaseTTL = 10 * time.Millisecond })
		body := packtest.PackZip("web", "1.0.0")
		e.store.After(storagetest.OpPut, func(ctx context.Context, d pack.Digest) error {
			for { // until the sweep may take it
				report, err := e.Sweep(ctx, false)
				if err != nil || len(report.Removed) > 0 {
					return err
				}
			}
		})
		_, err := e.Publish(t.Context(), upload(body))
		wantKind(t, err, pack.KindUnavailable, "")
		_, err = e.Resolve(t.Context(), ns, "web", "1.0.0")
		wantKind(t, err, pack.KindNotFound, "")
		e.clean()
	})
}
