package main

import (
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"
)

func TestAnErrorIsOneLine(t *testing.T) {
	err := errors.Join(errors.New("cannot connect:\n\t10.0.0.1: refused\n\t10.0.0.2: refused"), errors.New("and not closed"))
	if got, want := oneLine(err), "cannot connect: 10.0.0.1: refused 10.0.0.2: refused and not closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A command that only holds others must refuse a word that is none of them: Cobra alone prints help and succeeds.
func TestGroupsRefuseUnknownWords(t *testing.T) {
	p := &program{stdout: io.Discard, stderr: io.Discard}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if len(cmd.Commands()) > 0 && (cmd.Args == nil || cmd.Args(cmd, []string{"mistyped"}) == nil) {
			t.Errorf("%s takes any word; make it with group", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(p.command())
}
