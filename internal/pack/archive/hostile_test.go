package archive

import (
	"errors"
	"sync"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive/hostile"
)

// hostileCases builds the cases once for all tests.
var hostileCases = sync.OnceValue(hostile.Cases)

// limitsOf are the limits that a case asks for.
func limitsOf(c hostile.Case) Limits {
	lim := DefaultLimits()
	if c.Entries != 0 {
		lim.Entries = c.Entries
	}
	if c.Unpacked != 0 {
		lim.Unpacked = c.Unpacked
	}
	return lim
}

func TestHostile(t *testing.T) {
	known := map[string]bool{}
	for _, r := range Rules() {
		if known[r.ID] || r.Text == "" {
			t.Errorf("rule %q is there twice or has no text", r.ID)
		}
		known[r.ID] = true
	}
	tried := map[string]bool{}
	names := map[string]bool{}
	refused := 0
	for _, c := range hostileCases() {
		if names[c.Name] {
			t.Errorf("two cases are named %q", c.Name)
		}
		names[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			_, _, err := walkAll(c.Bytes, limitsOf(c))
			switch c.Rule {
			case "":
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			case hostile.Unsupported:
				if !pack.IsKind(err, pack.KindUnsupported) {
					t.Fatalf("err = %v, want KindUnsupported", err)
				}
				return
			}
			refused++
			tried[c.Rule] = true
			var e *pack.Error
			if !errors.As(err, &e) || e.Kind != pack.KindBadPack {
				t.Fatalf("err = %v, want KindBadPack with %s", err, c.Rule)
			}
			if len(e.Findings) == 0 || e.Findings[0].Rule != c.Rule {
				t.Fatalf("findings = %+v, want %s", e.Findings, c.Rule)
			}
			for _, f := range e.Findings {
				if !known[f.Rule] || f.Severity != pack.SeverityError || f.Message == "" {
					t.Errorf("finding %+v is not one of Rules, no error, or says nothing", f)
				}
			}
		})
	}
	for rule := range known {
		if !tried[rule] {
			t.Errorf("no case for %s", rule)
		}
	}
	if refused < 60 {
		t.Errorf("%d hostile cases, want at least 60", refused)
	}
}
