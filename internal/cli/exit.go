package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// The exit codes, a contract with scripts (docs/cli.md).
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNotAllowed  = 4
	ExitNotFound    = 5
	ExitConflict    = 6
	ExitPackInvalid = 7
	ExitTimeout     = 8
	ExitNetwork     = 9
	ExitInterrupted = 130
)

// usageError is for a command line that makes no sense.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errTimeout is for a wait that was given up.
var errTimeout = errors.New("gave up waiting")

// quietError is a failure that was told already; only its code is left.
type quietError struct{ error }

// Unwrap is the error that its code comes from.
func (e quietError) Unwrap() error { return e.error }

// exitCode is the one table from errors to exit codes.
func exitCode(ctx context.Context, err error) int {
	var known *pack.Error
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(context.Cause(ctx), context.Canceled):
		return ExitInterrupted
	case errors.As(err, new(usageError)):
		return ExitUsage
	case errors.As(err, new(*client.NetworkError)):
		return ExitNetwork
	case errors.Is(err, errTimeout):
		return ExitTimeout
	case !errors.As(err, &known):
		return ExitFailed
	}
	switch known.Kind {
	case pack.KindUnauthorized, pack.KindForbidden:
		return ExitNotAllowed
	case pack.KindNotFound:
		return ExitNotFound
	case pack.KindConflict, pack.KindPrecondition:
		return ExitConflict
	case pack.KindBadPack, pack.KindUnsupported, pack.KindTooLarge:
		return ExitPackInvalid
	}
	return ExitFailed
}

// exit tells the error, in one sentence with the findings below it, and gives its code.
func (p *program) exit(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	switch {
	case err == nil, errors.As(err, new(quietError)):
	case code == ExitInterrupted:
		fmt.Fprintln(p.Stderr, "spectro: interrupted")
	default:
		p.tell(err)
	}
	return code
}

// tell writes an error for people.
func (p *program) tell(err error) {
	var known *pack.Error
	text := err.Error()
	if errors.As(err, &known) {
		// Of the words of a pack.Error only the message is for people; what a caller put before it stays.
		text = strings.Replace(text, known.Error(), known.Message, 1)
	}
	fmt.Fprintf(p.Stderr, "spectro: %s\n", oneLine(text))
	if known != nil && len(known.Findings) > 0 {
		p.tellFindings(known.Findings)
	}
}

// tellFindings writes findings for people, beside what was asked for.
func (p *program) tellFindings(findings []pack.Finding) {
	_ = p.colourful(p.Stderr, func(w io.Writer) error { writeFindings(w, findings); return nil }) // there is nobody else to tell
}

// writeFindings writes findings as a table.
func writeFindings(w io.Writer, findings []pack.Finding) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SEVERITY\tRULE\tWHERE\tWHAT")
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", oneLine(string(f.Severity)), oneLine(f.Rule), harmless(where(f)), oneLine(f.Message))
	}
	t.Flush()
}

// where is the place of a finding: file and pointer.
func where(f pack.Finding) string {
	switch {
	case f.File == "":
		return "-"
	case f.Pointer == "":
		return f.File
	}
	return f.File + "#" + f.Pointer
}

// message is the sentence of an error that is for people.
func message(err error) string {
	var known *pack.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}
