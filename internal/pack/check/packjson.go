package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	packJSON     = "pack.json"
	maxPackJSON  = 1 << 20
	maxJSONDepth = 64
	maxListed    = 1_000  // items of an array, keys of an object
	maxJSONItems = 50_000 // of all of them together, since each may cost an error of the schema
)

// strictJSON checks that text is one JSON object that every reader understands
// alike, and decodes it with numbers as json.Number. It returns nil when it is
// not JSON at all, nests too deep or lists too much; doubled keys leave it decoded, last one winning.
func strictJSON(text []byte, f *findings) map[string]any {
	if !utf8.Valid(text) {
		f.add(ruleJSONUTF8, packJSON, "", "pack.json is not UTF-8; save it as UTF-8")
		return nil
	}
	var probe json.RawMessage
	if err := json.Unmarshal(text, &probe); err != nil {
		f.add(ruleJSONSyntax, packJSON, "", "pack.json is not valid JSON%s", syntaxPlace(text, err))
		return nil
	}
	if t := bytes.TrimLeft(text, " \t\r\n"); t[0] != '{' {
		f.add(ruleJSONSyntax, packJSON, "", "pack.json must be a JSON object, { ... }")
		return nil
	}
	if half := halfSurrogate(text); half != "" {
		f.add(ruleJSONUTF8, packJSON, "", "pack.json holds %s, which is half of a character; write both halves or the character itself", half)
		return nil
	}
	s := &jsonScan{dec: json.NewDecoder(bytes.NewReader(text)), findings: f}
	s.dec.UseNumber()
	if !s.value(nil, 0) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		f.add(ruleJSONSyntax, packJSON, "", "pack.json is not valid JSON%s", syntaxPlace(text, err))
		return nil
	}
	return doc
}

// halfSurrogate finds an escape of valid JSON that stands for half of a character: Go
// reads U+FFFD there, a database refuses the text.
func halfSurrogate(text []byte) string {
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; text[i] != 'u' {
			continue
		}
		r := escaped(text[i-1:])
		switch {
		case !utf16.IsSurrogate(r):
		case utf16.DecodeRune(r, escaped(text[i+5:])) != utf8.RuneError:
			i += 6
		default:
			return string(text[i-1 : i+5])
		}
	}
	return ""
}

// escaped is the code unit of the \uXXXX that text begins with, else 0.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// syntaxPlace says what is wrong and where, counting lines and columns from 1.
func syntaxPlace(text []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	at := int(min(max(syntax.Offset-1, 0), int64(len(text))))
	line := 1 + bytes.Count(text[:at], []byte("\n"))
	column := at - bytes.LastIndexByte(text[:at], '\n')
	return " (line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + "): " + syntax.Error()
}

// jsonScan walks the tokens of valid JSON to see what decoding hides: keys that are
// there twice or differ only in case, depth, and how much is listed.
type jsonScan struct {
	dec      *json.Decoder
	findings *findings
	items    int // so far
}

// value reads one value at a pointer. It reports false when it gave up.
func (s *jsonScan) value(at []string, depth int) bool {
	if depth > maxJSONDepth {
		s.findings.add(ruleJSONDepth, packJSON, "", "pack.json nests deeper than %d", maxJSONDepth)
		return false
	}
	tok, err := s.dec.Token()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.findings.add(ruleJSONSyntax, packJSON, pointer(at...), "pack.json is not valid JSON: %v", err)
		}
		return false
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return s.object(at, depth)
		}
		for i := 0; s.dec.More(); i++ {
			if !s.room(i, at) || !s.value(append(at, strconv.Itoa(i)), depth+1) {
				return false
			}
		}
		_, err = s.dec.Token()
		return err == nil
	case string:
		s.text(t, at)
	}
	return true
}

func (s *jsonScan) object(at []string, depth int) bool {
	seen, folded := map[string]bool{}, map[string]string{}
	for i := 0; s.dec.More(); i++ {
		if !s.room(i, at) {
			return false
		}
		tok, err := s.dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return false
		}
		here := append(at, key)
		s.text(key, at)
		low := strings.ToLower(key)
		other, similar := folded[low]
		switch {
		case seen[key]:
			s.findings.add(ruleJSONDuplicate, packJSON, pointer(here...), "the key %s is there twice; keep one", quote(key))
		case similar:
			s.findings.add(ruleJSONCase, packJSON, pointer(here...), "the keys %s and %s differ only in case; keep one", quote(other), quote(key))
		}
		seen[key], folded[low] = true, key
		if !s.value(here, depth+1) {
			return false
		}
	}
	_, err := s.dec.Token()
	return err == nil
}

// room reports whether one more may follow i others in the list at a pointer.
func (s *jsonScan) room(i int, at []string) bool {
	s.items++
	switch {
	case i >= maxListed:
		s.findings.add(ruleTooMany, packJSON, pointer(at...), "more than %d are listed here", maxListed)
	case s.items > maxJSONItems:
		s.findings.add(ruleTooMany, packJSON, "", "pack.json holds more than %d values", maxJSONItems)
	default:
		return true
	}
	return false
}

func (s *jsonScan) text(t string, at []string) {
	if strings.ContainsRune(t, 0) {
		s.findings.add(ruleJSONNul, packJSON, pointer(at...), "the character NUL (\\u0000) cannot be kept; remove it")
	}
}
