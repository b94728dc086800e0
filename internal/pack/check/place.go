package check

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Line is the line, from 1, that a finding about a file of a pack points to: that of the value at
// the pointer, or where there is none that of what would hold it. It is 0 when it cannot be told.
// text is the whole file; file decides how it is read (pack.json as JSON, *.yaml with its macros).
func Line(file string, text []byte, pointer string) int {
	if pointer == "" {
		return 0
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	switch {
	case strings.HasSuffix(file, ".json"):
		start, _, ok := JSONPlace(text, pointer)
		for !ok && pointer != "" {
			pointer = pointer[:strings.LastIndexByte(pointer, '/')]
			start, _, ok = JSONPlace(text, pointer)
		}
		if ok {
			return 1 + bytes.Count(text[:start], []byte("\n"))
		}
	case strings.HasSuffix(file, ".yaml") && len(text) <= maxValues:
		if root, err := parseTemplated(text); err == nil && root != nil {
			return yamlLine(root, strings.Split(pointer, "/")[1:])
		}
	}
	return 0
}

// yamlLine goes down as far as the tokens lead.
func yamlLine(n *yaml.Node, tokens []string) int {
	line := n.Line
	for _, t := range tokens {
		t = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
		n = follow(n)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == t {
					next, line = n.Content[i+1], n.Content[i].Line
					break
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(t); err == nil && i >= 0 && i < len(n.Content) {
				next, line = n.Content[i], n.Content[i].Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line
}

// JSONPlace tells where in a JSON text the value at an RFC 6901 pointer stands: text[start:end].
// Of a key that is there twice it is the last. ok is false when there is no such value, or the
// text is no JSON up to it.
func JSONPlace(text []byte, at string) (start, end int, ok bool) {
	s := &placeScan{text: text, dec: json.NewDecoder(bytes.NewReader(text)), want: at}
	s.dec.UseNumber()
	s.value("", 0)
	return s.start, s.end, s.found
}

// placeScan walks the tokens of a JSON text in search of one value.
type placeScan struct {
	text       []byte
	dec        *json.Decoder
	want       string
	start, end int
	found      bool
}

// value reads one value at a pointer. It reports false when the text is at its end or no JSON.
func (s *placeScan) value(at string, depth int) bool {
	before := int(s.dec.InputOffset())
	tok, err := s.dec.Token()
	if err != nil || depth > maxJSONDepth {
		return false
	}
	// Between tokens the decoder leaves blanks, commas and colons.
	begin := before + len(s.text[before:]) - len(bytes.TrimLeft(s.text[before:], " \t\r\n,:"))
	if d, is := tok.(json.Delim); is {
		for i := 0; s.dec.More(); i++ {
			key := strconv.Itoa(i)
			if d == '{' {
				k, err := s.dec.Token()
				name, is := k.(string)
				if err != nil || !is {
					return false
				}
				key = strings.TrimPrefix(pointer(name), "/")
			}
			if !s.value(at+"/"+key, depth+1) {
				return false
			}
		}
		if _, err := s.dec.Token(); err != nil && err != io.EOF {
			return false
		}
	}
	if at == s.want {
		s.start, s.end, s.found = begin, int(s.dec.InputOffset()), true
	}
	return true
}
