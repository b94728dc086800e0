package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/sqlcat"
)

// frame is what a page takes in the log.
const frame = 4096 + 24

// logged gives how many pages are in the log, and how many of them in the file too.
func logged(t testing.TB, d *DB) (log, copied int) {
	t.Helper()
	err := d.b.withReader(t.Context(), func(c *conn) error {
		var busy int
		return c.queryRow(t.Context(), "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &log, &copied)
	})
	if err != nil {
		t.Fatal(err)
	}
	return log, copied
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute not: %s", what)
		}
	}
}

// publisher publishes packs of numbers that go up.
type publisher struct {
	d *DB
	n atomic.Int64
}

func (p *publisher) publish(t testing.TB) {
	t.Helper()
	if err := publish(t.Context(), p.d, fmt.Sprintf("pack-%d", p.n.Add(1))); err != nil {
		t.Fatal(err)
	}
}

// fill publishes until the log is longer than that many pages.
func (p *publisher) fill(t testing.TB, pages int) {
	t.Helper()
	for log := 0; log <= pages; log, _ = logged(t, p.d) {
		p.publish(t)
	}
}

// alone opens a catalogue without upkeep, which the test does by hand.
func alone(t *testing.T) (*publisher, *upkeep) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end()
	return &publisher{d: d}, d.upkeep
}

// mergeAll makes all steps there are, and calls between before each.
func mergeAll(t *testing.T, u *upkeep, between func()) {
	t.Helper()
	for u.merging = true; u.merging; {
		between()
		u.mergeAt = time.Time{}
		if err := u.merge(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
}

// A commit copies nothing of the log until there is much more of it than the upkeep leaves; then it does, upkeep or not.
func TestCommitsLeaveTheLogAlone(t *testing.T) {
	p, _ := alone(t)
	most := 0
	for copied := 0; copied == 0; {
		p.publish(t)
		var log int
		log, copied = logged(t, p.d)
		if most = max(most, log); most > mostPages+1000 {
			t.Fatalf("%d pages are in the log and no commit has copied them", log)
		}
	}
	if most < mostPages-1000 {
		t.Errorf("a commit has copied the log when it had %d pages", most)
	}
	before := most
	p.fill(t, 100) // it begins anew, and is not longer the next time
	p.fill(t, mostPages-1000)
	if st, err := os.Stat(filePath(t, p.d) + "-wal"); err != nil || st.Size() > int64(before+1000)*frame {
		t.Errorf("the log is %v, %v", st, err)
	}
}

// filePath is where the file is.
func filePath(t testing.TB, d *DB) (path string) {
	t.Helper()
	err := d.b.withReader(t.Context(), func(c *conn) error {
		return c.queryRow(t.Context(), "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The upkeep copies what is worth it, and in quiet all.
func TestUpkeepCopiesTheLog(t *testing.T) {
	p, u := alone(t)
	attend := func(quiet bool) {
		t.Helper()
		if _, err := u.checkpoint(t.Context(), quiet); err != nil {
			t.Fatal(err)
		}
	}
	p.fill(t, checkpointPages/2)
	attend(false)
	if _, copied := logged(t, p.d); copied > 0 {
		t.Errorf("%d pages of a short log were copied while others write", copied)
	}
	attend(true)
	if log, copied := logged(t, p.d); copied != log {
		t.Errorf("in quiet %d of %d pages were copied", copied, log)
	}
	p.fill(t, checkpointPages) // which begins anew
	attend(false)
	if log, copied := logged(t, p.d); log < checkpointPages || copied != log {
		t.Errorf("of a long log %d of %d pages were copied", copied, log)
	}
}

// A log that could not begin anew is tried again long before a commit would copy it.
func TestLogBeginsAnewAfterAReader(t *testing.T) {
	p, u := alone(t)
	began, release, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	p.fill(t, checkpointPages)
	go func() {
		read <- p.d.b.Read(t.Context(), func(tx sqlcat.Tx) error {
			var n int64
			err := tx.QueryRow(t.Context(), "SELECT count(*) FROM packs").Scan(&n)
			close(began)
			<-release
			return err
		})
	}()
	<-began
	if _, err := u.checkpoint(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	p.publish(t) // the log goes on, for the reader stands in it
	close(release)
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	most := 0
	for log := mostPages; log >= checkpointPages; {
		p.publish(t)
		if _, err := u.checkpoint(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		log, _ = logged(t, p.d)
		if most = max(most, log); most > checkpointPages+3*againPages {
			t.Fatalf("the log has %d pages and has not begun anew", log)
		}
	}
}

// By itself it does so too.
func TestUpkeepRuns(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	p := &publisher{d: d}
	for range 3 {
		p.publish(t)
		eventually(t, "all of the log is copied", func() bool {
			log, copied := logged(t, d)
			return log > 0 && copied == log
		})
	}
}

// Under a load that never rests the log begins anew all the same, though no commit does anything for it.
func TestLogBeginsAnewUnderLoad(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	err := d.b.withWriter(t.Context(), func(c *conn) error { return c.exec(t.Context(), "PRAGMA wal_autocheckpoint = 0") })
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{d: d}
	ctx, stop := context.WithCancel(t.Context())
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			for ctx.Err() == nil {
				if err := publish(t.Context(), d, fmt.Sprintf("pack-%d", p.n.Add(1))); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	last, anew := 0, 0
	for anew < 3 && p.n.Load() < 5000 {
		log, _ := logged(t, d)
		if log < 0 { // somebody holds it this moment
			continue
		}
		if log < last {
			anew++
		}
		last = log
	}
	stop()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if anew < 3 {
		t.Errorf("after %d publishes the log has begun anew %d times", p.n.Load(), anew)
	}
}

// Who reads an old state keeps it, and what came after it stays in the log until then; not longer.
func TestSlowReaderAndTheLog(t *testing.T) {
	p, u := alone(t)
	p.fill(t, 100)
	if _, err := u.checkpoint(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	p.publish(t)
	began, release, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	packs := p.n.Load()
	go func() {
		read <- p.d.b.Read(t.Context(), func(tx sqlcat.Tx) error {
			for _, pause := range []func(){func() { close(began); <-release }, func() {}} {
				var n int64
				if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM packs").Scan(&n); err != nil {
					return err
				}
				if n != packs {
					return fmt.Errorf("the reader sees %d packs and not %d", n, packs)
				}
				pause()
			}
			return nil
		})
	}()
	<-began
	p.fill(t, checkpointPages+checkpointPages/2)
	if _, err := u.checkpoint(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if log, copied := logged(t, p.d); copied >= log || u.stuck != log {
		t.Errorf("beside a reader %d of %d pages were copied; stuck at %d", copied, log, u.stuck)
	}
	close(release)
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if _, err := u.checkpoint(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if log, copied := logged(t, p.d); copied != log {
		t.Errorf("after it %d of %d pages were copied", copied, log)
	}
	p.publish(t)
	if log, _ := logged(t, p.d); log > checkpointPages {
		t.Errorf("after it there are %d pages in the log", log)
	}
}

func TestCloseLeavesTheFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	d := open(t, path)
	p := &publisher{d: d}
	p.fill(t, 200)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.upkeep.done:
	default:
		t.Error("the upkeep runs on")
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is left: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "registry.db")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := open(t, copied).Names(t.Context(), "*")
	if err != nil || int64(len(names)) != p.n.Load() {
		t.Errorf("in the file are %d packs, %v; want %d", len(names), err, p.n.Load())
	}
}

// segments counts those of the search index.
func segments(t testing.TB, d *DB) (n int) {
	t.Helper()
	err := d.b.withReader(t.Context(), func(c *conn) error {
		return c.queryRow(t.Context(), "SELECT count(DISTINCT segid) FROM search_terms_idx").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Publishes leave their segments to the upkeep, which leaves few; nobody who searches sees a difference.
func TestUpkeepMergesSegments(t *testing.T) {
	p, u := alone(t)
	mergeAll(t, u, func() {})
	for range 40 {
		p.publish(t)
	}
	if n := segments(t, p.d); n < 40 {
		t.Errorf("after 40 publishes there are %d segments: who publishes has merged", n)
	}
	search := func() string {
		t.Helper()
		page, err := p.d.Search(t.Context(), db.Query{Namespace: "*", Text: "pack", Limit: 100})
		if err != nil || len(page.Items) != int(p.n.Load()) {
			t.Fatalf("the search finds %d packs, %v", len(page.Items), err)
		}
		return fmt.Sprint(page.Items)
	}
	before := search()
	mergeAll(t, u, func() {})
	if n := segments(t, p.d); n > 4 {
		t.Errorf("after the upkeep there are %d segments", n)
	}
	if search() != before {
		t.Error("the search finds something else than before")
	}
	steps := u.b.commits.Load()
	if err := u.merge(t.Context(), true); err != nil || u.merging || u.commits != steps {
		t.Errorf("there is something to merge when nothing was written: %v, %v", u.merging, err)
	}
}

// Without upkeep there is a bound for them as well.
func TestSegmentsAreBounded(t *testing.T) {
	p, u := alone(t)
	mergeAll(t, u, func() {})
	for range 200 {
		p.publish(t)
		if n := segments(t, p.d); n > 70 {
			t.Fatalf("there are %d segments", n)
		}
	}
}

// One step is small, however much there is.
func TestMergeStepsAreSmall(t *testing.T) {
	p, u := alone(t)
	mergeAll(t, u, func() {})
	for i := range 20 {
		var words strings.Builder
		for j := range 2000 {
			fmt.Fprintf(&words, "w%xq%x ", i*7919+j*104729, j)
		}
		if err := publishWith(t.Context(), p.d, fmt.Sprintf("wordy-%d", i), words.String()); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	start := func() {
		if _, err := u.checkpoint(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		p.publish(t) // the log begins anew
		log, _ := logged(t, p.d)
		sizes = append(sizes, -log)
	}
	end := func() {
		if log, _ := logged(t, p.d); len(sizes) > 0 {
			sizes[len(sizes)-1] += log
		}
	}
	mergeAll(t, u, func() { end(); start() })
	end()
	// A step also writes what it leaves of each of the 20 segments.
	if len(sizes) < 5 || slices.Max(sizes) > mergePages+6*20 {
		t.Errorf("the steps have written %v pages", sizes)
	}
}
