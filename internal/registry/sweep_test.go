package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// orphan puts a blob that nothing knows.
func (e *env) orphan(content string) pack.Digest {
	e.t.Helper()
	s, err := storage.NewSpool(e.cfg.SpoolDir)
	if err != nil {
		e.t.Fatal(err)
	}
	defer s.Close()
	if _, err := io.WriteString(s, content); err != nil {
		e.t.Fatal(err)
	}
	if err := e.store.Put(e.t.Context(), s.Digest(), s); err != nil {
		e.t.Fatal(err)
	}
	return s.Digest()
}

func TestSweepTakesWhatNothingRefersTo(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		var ahead time.Duration
		e := open(t, func(c *registry.Config) {
			c.SweepGrace = time.Hour
			c.Now = func() time.Time { return time.Now().Add(ahead) }
		})
		v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
		lost := e.orphan("nobody knows me")
		sweep := func(dryRun bool) *registry.SweepReport {
			t.Helper()
			r, err := e.Sweep(t.Context(), dryRun)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := sweep(false); len(r.Removed) != 0 || r.Examined != 2 {
			t.Errorf("within the grace time: %+v", r)
		}
		ahead = 2 * time.Hour
		if r := sweep(true); !r.DryRun || len(r.Removed) != 1 || r.Removed[0] != lost || r.Freed != 15 {
			t.Errorf("dry run: %+v", r)
		}
		if n := len(e.blobs()); n != 2 {
			t.Errorf("a dry run left %d blobs", n)
		}
		if r := sweep(false); len(r.Removed) != 1 || r.Removed[0] != lost || r.Freed != 15 {
			t.Errorf("sweep: %+v", r)
		}
		e.fetch(v, pack.FormatZip)
		if c := e.Counts(); c.SweptBlobs != 1 || c.SweptBytes != 15 {
			t.Errorf("counts %+v", c)
		}
	})
}

func TestSweepThatFailsTellsWhatItDid(t *testing.T) {
	e := embedded(t)
	e.orphan("one")
	e.orphan("two")
	e.store.Fail(storagetest.OpDelete, storagetest.Fault{Skip: 1})
	report, err := e.Sweep(t.Context(), false)
	wantKind(t, err, pack.KindUnavailable, "")
	if len(report.Removed) != 1 || len(e.blobs()) != 1 {
		t.Errorf("%+v, left %v", report, e.blobs())
	}
	e.clean()
	if n := len(e.blobs()); n != 0 {
		t.Errorf("%d blobs left", n)
	}
}

func TestSweepTakesSpoolFilesOfCrashedUploads(t *testing.T) {
	e := embedded(t)
	old, young := filepath.Join(e.cfg.SpoolDir, "spool-1"), filepath.Join(e.cfg.SpoolDir, "spool-2")
	other := filepath.Join(e.cfg.SpoolDir, "mine.txt")
	for _, name := range []string{old, young, other} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := errors.Join(os.Chtimes(old, yesterday, yesterday), os.Chtimes(other, yesterday, yesterday)); err != nil {
		t.Fatal(err)
	}
	r, err := e.Sweep(t.Context(), false)
	if err != nil || r.Temporary != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old one is still there: %v", err)
	}
	for _, name := range []string{young, other} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

func TestRetentionForgetsOverwrittenRevisions(t *testing.T) {
	e := embedded(t, func(c *registry.Config) { c.Retention, c.SweepInterval = time.Nanosecond, time.Millisecond })
	old := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	v := e.publish(forced(packtest.PackZip("web", "1.0.0", packtest.File("a", "b"))), db.Replaced)
	e.run()
	for {
		if _, err := e.Resolve(t.Context(), ns, "web", string(old.Digest)); pack.IsKind(err, pack.KindNotFound) {
			break
		}
		time.Sleep(time.Millisecond) // the test's own time limit ends this
	}
	e.clean()
	if got := e.blobs(); len(got) != 1 || got[0] != v.Digest {
		t.Errorf("blobs %v", got)
	}
}

// TestSweepAgainstPublishesThatShareBlobs: no grace at all, a sweep each 100 ms
// and more in between, while workers publish, read and delete the same bytes in
// several namespaces. What was acknowledged is there each time.
func TestSweepAgainstPublishesThatShareBlobs(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t, func(c *registry.Config) { c.SweepInterval = 100 * time.Millisecond })
		e.run()
		other := e.replica()
		other.run()
		bodies := [][]byte{
			packtest.PackZip("web", "1.0.0", packtest.File("a", "1")),
			packtest.PackZip("web", "1.0.0", packtest.File("a", "2")),
			packtest.PackTarGz("web", "1.0.0", packtest.File("a", "3")),
		}
		const workers = 4
		end := time.Now().Add(3 * time.Second)
		// Until the time is over and a sweep has found something, which takes longer on a slow machine.
		goOn := func(rounds int) bool {
			return time.Now().Before(end) || e.Counts().SweptBlobs == 0 && rounds < 1000
		}
		errs := make([]error, workers)
		rounds := make([]int, workers)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r := []*env{e, other}[w%2]
				for goOn(rounds[w]) && errs[w] == nil {
					errs[w] = r.round(fmt.Sprintf("worker%d", w), bodies[rand.N(len(bodies))])
					rounds[w]++
				}
			}()
		}
		sweeps := 0
		for ; goOn(sweeps); sweeps++ {
			if _, err := e.Sweep(t.Context(), false); err != nil {
				t.Errorf("sweep: %v", err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		t.Logf("%v rounds, %d sweeps besides, %d blobs swept", rounds, sweeps, e.Counts().SweptBlobs)
		if e.Counts().SweptBlobs == 0 {
			t.Error("nothing was swept: the test proves nothing")
		}
		e.clean()
		for w := range workers { // all that was not deleted is there
			v, err := e.Resolve(t.Context(), fmt.Sprintf("worker%d", w), "web", "1.0.0")
			if err == nil {
				e.fetch(v, pack.FormatZip)
				e.fetch(v, pack.FormatTarGz)
			} else if !pack.IsKind(err, pack.KindNotFound) {
				t.Error(err)
			}
		}
	})
}

// round publishes into a worker's own namespace, reads back, and often deletes.
func (e *env) round(namespace string, body []byte) error {
	ctx := e.t.Context()
	u := forced(body)
	u.Namespace = namespace
	p, err := e.Publish(ctx, u)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	for _, f := range []pack.Format{pack.FormatZip, pack.FormatTarGz} {
		c, err := e.Archive(ctx, p.Version, f)
		if err != nil {
			return err
		}
		stream, err := c.Open(ctx, 0, -1)
		if err != nil {
			return fmt.Errorf("%s right after publish: %w", f, err)
		}
		b, err := io.ReadAll(stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		if digest(b) != c.Digest || (f == pack.FormatZip && !p.Version.TarGzStored && !bytes.Equal(b, body)) {
			return fmt.Errorf("%s: other bytes", f)
		}
	}
	if rand.N(3) > 0 {
		if err := e.DeletePack(ctx, namespace, "web", "tester"); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	return nil
}
