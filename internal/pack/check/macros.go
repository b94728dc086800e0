package check

import "bytes"

// macroWord stands for a macro when values.yaml is read as YAML.
const macroWord = "macro"

// replaceMacros makes YAML of a text with macros (palette-contract 5.4): each
// {{ ... }} becomes a plain word; on a line with nothing else it becomes nothing, for
// there it may be a whole block. Line breaks inside macros stay, so that line numbers do.
func replaceMacros(text []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(text))
	blank := true // so far on this line
	for {
		start := bytes.Index(text, []byte("{{"))
		if start < 0 {
			break
		}
		length := macroEnd(text[start:])
		if length < 0 {
			out.Write(text[:start+2])
			text, blank = text[start+2:], false
			continue
		}
		before, macro, after := text[:start], text[start:start+length], text[start+length:]
		out.Write(before)
		if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
			before, blank = before[i+1:], true
		}
		blank = blank && len(bytes.TrimSpace(before)) == 0
		if !blank || !lineEnds(after) {
			out.WriteString(macroWord)
			blank = false
		}
		for range bytes.Count(macro, []byte("\n")) {
			out.WriteByte('\n')
		}
		text = after
	}
	out.Write(text)
	return out.Bytes()
}

// lineEnds reports whether nothing more is on the line that text begins in.
func lineEnds(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r")
	return len(text) == 0 || text[0] == '\n'
}

// macroEnd is the length of the macro that text begins with, -1 when it never ends.
// Braces in the template language's quotes do not end it, unless the quotes do not close.
func macroEnd(text []byte) int {
	var quote byte
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			if c == '\n' && quote == '"' {
				return plainEnd(text)
			}
		case c == '"' || c == '`':
			quote = c
		case c == '}' && i+1 < len(text) && text[i+1] == '}':
			return i + 2
		}
		if i > maxMacro {
			break
		}
	}
	return plainEnd(text)
}

// maxMacro bounds the search for the end of a macro, which else would be quadratic.
const maxMacro = 4096

func plainEnd(text []byte) int {
	end := bytes.Index(text[:min(len(text), maxMacro)], []byte("}}"))
	if end < 0 {
		return -1
	}
	return end + 2
}
