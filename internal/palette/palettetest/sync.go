package palettetest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// restartable is how long a run must have been in progress for a forced sync to restart it (contract 3.6).
const restartable = time.Hour

// run is one sync in progress.
type run struct {
	ctx  context.Context
	stop context.CancelFunc
}

func (p *Palette) trigger(k kind, w http.ResponseWriter, r *http.Request) error {
	if err := query(r, "forceSync"); err != nil {
		return err
	}
	force, err := flag(r, "forceSync")
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.change(k, r)
	switch {
	case err != nil:
		return err
	case !e.spec.IsSyncSupported:
		return invalid("the registry does not support sync")
	case e.run == nil:
		p.begin(e)
	case force && p.o.Now().Sub(e.sync.LastRun) >= restartable:
		e.run.stop()
		p.begin(e)
	default: // the trigger is lost: the worst that a Palette may do
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (p *Palette) status(k kind, w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.find(k, r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, e.sync.JSON())
}

// Daily starts the sync of every entry, as Palette does every 24 hours (contract 3.6).
func (p *Palette) Daily() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e.run == nil && e.spec.IsSyncSupported {
			p.begin(e)
		}
	}
}

// begin starts a run. The caller holds mu.
func (p *Palette) begin(e *entry) {
	this := &run{}
	this.ctx, this.stop = context.WithCancel(p.ctx)
	e.run = this
	e.sync.Status, e.sync.Message, e.sync.LastRun = "InProgress", "", p.o.Now()
	faults, s := p.faults, e.spec
	p.runs.Go(func() {
		defer this.stop()
		problems, err := p.sync(this, e, s, faults)
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.run != this { // a forced one has taken its place, or the entry is gone
			return
		}
		e.run, e.problems = nil, problems
		e.finished++
		e.sync.Message = strings.Join(problems, "; ")
		if err != nil {
			e.sync.Status, e.sync.Message = "Failed", err.Error()
			return
		}
		e.sync.Status, e.sync.LastSynced = "Completed", p.o.Now()
	})
}

// sync reads the registry and shows what it finds.
func (p *Palette) sync(this *run, e *entry, s spec, f Faults) (problems []string, err error) {
	if f.SyncHangs {
		<-this.ctx.Done()
		return nil, this.ctx.Err()
	}
	select {
	case <-time.After(f.SyncDelay):
	case <-this.ctx.Done():
		return nil, this.ctx.Err()
	}
	src, err := newSource(s, p.o.Roots)
	if err != nil {
		return nil, err
	}
	defer src.http.CloseIdleConnections()
	w := &walk{src: src, seen: map[string]bool{}, left: f.SyncStops, show: func(v *version) bool { return p.show(this, e, v, f.EmptyValues) }}
	w.known = func(name, ver, digest string) bool { return p.known(this, e, name, ver, digest) }
	if e.kind == legacyKind {
		err = w.legacy(this.ctx)
	} else {
		err = w.oci(this.ctx, s.BaseContentPath)
	}
	if err == nil {
		p.dropUnseen(this, e, w.seen)
	}
	return w.problems, err
}

// show makes a version visible; false when the run is no longer the entry's.
func (p *Palette) show(this *run, e *entry, v *version, empty bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.run != this {
		return false
	}
	key := v.key()
	if empty {
		v.Values = ""
	}
	e.shown[key] = v
	if v.Digest != "" && !slices.Contains(e.pins[key], v.Digest) {
		e.pins[key] = append(e.pins[key], v.Digest)
	}
	return true
}

// known reports whether the manifest of a version is the one that was read before.
func (p *Palette) known(this *run, e *entry, name, ver, digest string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := e.shown[keyOf(name, ver)]
	return ok && e.run == this && v.Digest == digest && v.Values != ""
}

func (p *Palette) dropUnseen(this *run, e *entry, seen map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.run == this {
		maps.DeleteFunc(e.shown, func(key string, _ *version) bool { return !seen[key] })
	}
}

// Finished is how many syncs of an entry came to an end.
func (p *Palette) Finished(uid string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[uid]; ok {
		return e.finished
	}
	return 0
}

// Problems are what the last sync of an entry passed over, and why.
func (p *Palette) Problems(uid string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[uid]; ok {
		return slices.Clone(e.problems)
	}
	return nil
}

// Fetch reads a version as a cluster does whose profile was made after an earlier sync: every manifest that was ever seen
// of it by its digest, and its layer (contract 3.7). It fails when one is gone.
func (p *Palette) Fetch(ctx context.Context, uid, name, ver string) error {
	p.mu.Lock()
	e, ok := p.entries[uid]
	if !ok {
		p.mu.Unlock()
		return fmt.Errorf("no registry %s", uid)
	}
	pins, s := slices.Clone(e.pins[keyOf(name, ver)]), e.spec
	p.mu.Unlock()
	if len(pins) == 0 {
		return fmt.Errorf("%s %s was never seen", name, ver)
	}
	src, err := newSource(s, p.o.Roots)
	if err != nil {
		return err
	}
	defer src.http.CloseIdleConnections()
	repo := archivePrefix(s.BaseContentPath) + name
	for _, digest := range pins {
		if _, err := src.pack(ctx, repo, digest, name, ver); err != nil {
			return fmt.Errorf("%s %s by %s: %w", name, ver, digest, err)
		}
	}
	return nil
}
