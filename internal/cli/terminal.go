package cli

import (
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether somebody sits at a stream, which is a reader or a writer.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
