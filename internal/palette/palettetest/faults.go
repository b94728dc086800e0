package palettetest

import (
	"io"
	"net/http"
	"time"
)

// Faults are what goes wrong. Counted ones are used up.
type Faults struct {
	// Answer are the statuses of the next requests, which are not carried out.
	Answer []int `json:"answer"`
	// RetryAfter goes with them, in seconds; 0 is none.
	RetryAfter int `json:"retryAfter"`
	// Lose answers so many requests with 502 after they were carried out.
	Lose int `json:"lose"`
	// Silent gives so many requests no answer until the client gives up.
	Silent int `json:"silent"`

	// SyncDelay is how long a sync takes beside the reading.
	SyncDelay time.Duration `json:"syncDelay"`
	// SyncHangs keeps syncs that begin in progress until a forced one ends them, which is after an hour at the earliest.
	SyncHangs bool `json:"syncHangs"`
	// SyncStops ends syncs as failed after so many versions; 0 is never.
	SyncStops int `json:"syncStops"`
	// EmptyValues shows versions that are new without their values (contract 3.7, observed).
	EmptyValues bool `json:"emptyValues"`
}

// Fail sets what goes wrong from now on; the zero Faults mend everything but syncs that hang already.
func (p *Palette) Fail(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// misbehave plays the faults of one request, and reports whether that was its answer.
func (p *Palette) misbehave(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	f := &p.faults
	status, silent, lose := 0, false, false
	switch {
	case len(f.Answer) > 0:
		status, f.Answer = f.Answer[0], f.Answer[1:]
	case f.Silent > 0:
		silent = true
		f.Silent--
	case f.Lose > 0:
		lose = true
		f.Lose--
	}
	wait := f.RetryAfter
	p.mu.Unlock()
	switch {
	case status != 0:
		p.fail(w, &refusal{status: status, code: "Unavailable", message: "out of order on demand", retryAfter: wait})
	case silent:
		_, _ = io.Copy(io.Discard, r.Body) // that the client is gone is seen only once its body has been read
		select {
		case <-r.Context().Done():
		case <-p.ctx.Done():
		}
	case lose:
		p.carryOut(&probe{header: http.Header{}}, r)
		p.fail(w, &refusal{status: http.StatusBadGateway, code: "BadGateway", message: "the answer was lost on demand"})
	default:
		return false
	}
	return true
}

func (p *Palette) controlFaults(w http.ResponseWriter, r *http.Request) error {
	var f Faults
	if err := decode(r, &f); err != nil {
		return err
	}
	p.Fail(f)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *Palette) controlFetch(w http.ResponseWriter, r *http.Request) error {
	var body struct{ UID, Name, Version string }
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := p.Fetch(r.Context(), body.UID, body.Name, body.Version); err != nil {
		return notFound("%v", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// controlRegistries lists all entries with what is shown of each.
func (p *Palette) controlRegistries(w http.ResponseWriter, _ *http.Request) error {
	p.mu.Lock()
	rows := []map[string]any{}
	for _, e := range p.sorted(func(*entry) bool { return true }) {
		shown := []string{}
		for _, v := range e.versions() {
			shown = append(shown, v.Name+" "+v.Version)
		}
		rows = append(rows, map[string]any{
			"uid": e.uid, "kind": e.kind, "name": e.meta.Name, "endpoint": e.spec.Endpoint, "sync": e.sync.JSON(), "shown": shown, "problems": e.problems,
		})
	}
	p.mu.Unlock()
	return answer(w, http.StatusOK, rows)
}
