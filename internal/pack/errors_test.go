package pack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

func TestErrorsKeepKindAndCause(t *testing.T) {
	cause := fmt.Errorf("dial: %w", context.Canceled)
	err := fmt.Errorf("outer: %w", pack.Wrap(pack.KindUnavailable, cause, "the store is down"))
	if !pack.IsKind(err, pack.KindUnavailable) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "dial") {
		t.Errorf("%v", err)
	}
	if pack.KindOf(nil) != "" || pack.KindOf(cause) != pack.KindInternal || pack.IsKind(nil, "") {
		t.Error("the kind of no error, or of a foreign one")
	}
	if e := (&pack.Error{Kind: pack.KindBusy}); e.Error() != "busy" {
		t.Errorf("an error without a message says %q", e.Error())
	}
}

func TestBadPackSaysTheFirstError(t *testing.T) {
	fs := []pack.Finding{
		{Rule: "a", Severity: pack.SeverityWarning, Message: "odd"},
		{Rule: "b", Severity: pack.SeverityError, Message: "values.yaml is missing"},
	}
	e := pack.BadPack(fs)
	if e.Kind != pack.KindBadPack || e.Code != "pack_invalid" || len(e.Findings) != 2 || !strings.Contains(e.Message, "values.yaml is missing") {
		t.Errorf("%+v", e)
	}
	if !pack.HasError(fs) || pack.HasError(fs[:1]) || pack.HasError(nil) {
		t.Error("HasError")
	}
}

func TestDeprecated(t *testing.T) {
	for state, want := range map[string]bool{"": false, "deprecated": true, "deleted": true, "active": false} {
		m := pack.Metadata{Annotations: map[string]string{"system_state": state}}
		if m.Deprecated() != want {
			t.Errorf("%q: %v", state, !want)
		}
	}
}

func TestDigest(t *testing.T) {
	d := pack.NewDigest(make([]byte, 32))
	parsed, err := pack.ParseDigest(string(d))
	if err != nil || parsed != d || d.Hex() != strings.Repeat("0", 64) {
		t.Errorf("%q %q %v", d, parsed, err)
	}
}
