package cli

import (
	"bytes"
	"io"
	"runtime"
)

// colours are those of words that a line begins with, in findings and in what differs (ECMA-48, SGR).
func colours() map[string]string {
	const red, green, yellow = "\x1b[31m", "\x1b[32m", "\x1b[33m"
	return map[string]string{"error": red, "warning": yellow, "fixed": green, "-": red, "+": green, "~": yellow}
}

// colourful lets write write to a stream. On a terminal the words at the beginnings of its lines are coloured, unless
// NO_COLOR is set (no-color.org) or the terminal is a dumb one.
func (p *program) colourful(stream io.Writer, write func(w io.Writer) error) error {
	if !p.wantsColour(stream) {
		return write(stream)
	}
	c := &colourer{w: stream}
	if err := write(c); err != nil {
		return err
	}
	return c.end()
}

func (p *program) wantsColour(stream io.Writer) bool {
	// The consoles of Windows that know colours without being told so first are those of Windows Terminal.
	knows := runtime.GOOS != "windows" || p.getenv("WT_SESSION") != ""
	return isTerminal(stream) && knows && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
}

// colourer colours whole lines' first words.
type colourer struct {
	w    io.Writer
	line []byte // begun and not written
}

func (c *colourer) Write(p []byte) (int, error) {
	c.line = append(c.line, p...)
	for {
		i := bytes.IndexByte(c.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		if _, err := c.w.Write(coloured(c.line[:i+1])); err != nil {
			return 0, err
		}
		c.line = c.line[i+1:]
	}
}

// end writes what no end of a line has followed.
func (c *colourer) end() error {
	_, err := c.w.Write(coloured(c.line))
	return err
}

func coloured(line []byte) []byte {
	rest := bytes.TrimLeft(line, " ")
	word, _, _ := bytes.Cut(bytes.TrimRight(rest, "\r\n"), []byte(" "))
	colour, ok := colours()[string(word)]
	if !ok {
		return line
	}
	indent := line[:len(line)-len(rest)]
	return bytes.Join([][]byte{indent, []byte(colour), word, []byte("\x1b[0m"), rest[len(word):]}, nil)
}
