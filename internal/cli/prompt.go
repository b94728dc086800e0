package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// asked is what somebody typed, or why not.
type asked struct {
	text string
	err  error
}

// ask asks the person at the terminal for a line; standard input must be one. What is typed is not shown when it is secret.
func (p *program) ask(ctx context.Context, question string, secret bool) (string, error) {
	in, ok := p.Stdin.(*os.File)
	if !ok {
		return "", usagef("standard input is no terminal")
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(p.Stderr, harmless(question))
	answer := make(chan asked, 1)
	go func() {
		if secret {
			text, err := term.ReadPassword(fd)
			answer <- asked{string(text), err}
			return
		}
		text, err := readLine(in)
		answer <- asked{text, err}
	}()
	select {
	case a := <-answer:
		if secret || a.err != nil {
			fmt.Fprintln(p.Stderr)
		}
		return a.text, a.err
	case <-ctx.Done():
		// The read cannot be ended; the terminal must not stay without echo when the program does.
		if err := term.Restore(fd, before); err != nil {
			return "", err
		}
		fmt.Fprintln(p.Stderr)
		return "", ctx.Err()
	}
}

// readLine reads no byte beyond the line: the next question's answer may have been typed already.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		switch {
		case n > 0 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n > 0 && len(line) < 4096:
			line = append(line, b[0])
		}
		if err != nil {
			return string(line), err
		}
	}
}
