package main

import (
	"errors"
	"testing"
)

func TestAnErrorIsOneLine(t *testing.T) {
	err := errors.Join(errors.New("cannot connect:\n\t10.0.0.1: refused\n\t10.0.0.2: refused"), errors.New("and not closed"))
	if got, want := oneLine(err), "cannot connect: 10.0.0.1: refused 10.0.0.2: refused and not closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
