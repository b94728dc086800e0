package check

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Template is a parsed schema template, {{ required | format "..." | hints "..." }}
// (palette-contract 5.6).
type Template struct {
	Required bool
	ReadOnly bool
	Format   []FormatPart // empty when the template says none
	Hints    []string
}

// FormatPart is a literal or a placeholder of a format.
type FormatPart struct {
	Literal string
	// Type is string, number, boolean, bool, password, list, ipv4 or version; "" for a literal.
	Type    string
	Pattern *regexp.Regexp // nil when none is given
	// Min and Max bound a number, when Ranged.
	Ranged   bool
	Min, Max float64
	Choices  []string // of a list
}

// ParseTemplate reads the template language of schema.yaml. Its error says what is odd, for people.
func ParseTemplate(s string) (Template, error) {
	s = strings.TrimSpace(s)
	inner, ok := strings.CutPrefix(s, "{{")
	if ok {
		inner, ok = strings.CutSuffix(inner, "}}")
	}
	if !ok {
		return Template{}, errors.New("it must be written in {{ }}")
	}
	var t Template
	for rest, more := inner, true; more; {
		var word string
		var args []string
		var err error
		word, args, rest, more, err = templateItem(rest)
		if err == nil {
			err = t.apply(word, args)
		}
		if err != nil {
			return Template{}, err
		}
	}
	return t, nil
}

func (t *Template) apply(word string, args []string) error {
	switch word {
	case "required", "readonly":
		if len(args) > 0 {
			return fmt.Errorf("%s takes no text", word)
		}
		t.Required = t.Required || word == "required"
		t.ReadOnly = t.ReadOnly || word == "readonly"
	case "format":
		if len(args) != 1 {
			return errors.New("format takes one text in double quotes")
		}
		var err error
		t.Format, err = parseFormat(args[0])
		return err
	case "hints":
		if len(args) == 0 {
			return errors.New("hints takes texts in double quotes")
		}
		t.Hints = append(t.Hints, args...)
	case "":
		return errors.New("an item is empty")
	default:
		return fmt.Errorf("%s is unknown; use required, readonly, format or hints", quote(word))
	}
	return nil
}

// templateItem reads one item up to the next | or the end: a word and quoted texts.
func templateItem(s string) (word string, args []string, rest string, more bool, err error) {
	s = strings.TrimSpace(s)
	n := strings.IndexAny(s, "| \t\r\n\"")
	if n < 0 {
		return s, nil, "", false, nil
	}
	word, s = s[:n], s[n:]
	for {
		s = strings.TrimSpace(s)
		switch {
		case s == "":
			return word, args, "", false, nil
		case s[0] == '|':
			return word, args, s[1:], true, nil
		case s[0] != '"':
			return "", nil, "", false, fmt.Errorf("%s is neither a text in double quotes nor a |", quote(s))
		}
		var arg string
		if arg, s, err = quotedText(s); err != nil {
			return "", nil, "", false, err
		}
		args = append(args, arg)
	}
}

// quotedText reads a text in double quotes, in which \" and \\ are escapes.
func quotedText(s string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("a text in double quotes does not end")
}

func parseFormat(s string) ([]FormatPart, error) {
	var parts []FormatPart
	for s != "" {
		start := strings.Index(s, "${")
		if start != 0 {
			literal := s
			if start > 0 {
				literal = s[:start]
			}
			parts = append(parts, FormatPart{Literal: literal})
			s = s[len(literal):]
			continue
		}
		part, rest, err := placeholder(s[2:])
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		s = rest
	}
	return parts, nil
}

// placeholder reads type[:spec]} after ${.
func placeholder(s string) (FormatPart, string, error) {
	n := strings.IndexAny(s, ":}")
	if n < 0 {
		return FormatPart{}, "", errors.New("a ${ is not closed")
	}
	p := FormatPart{Type: s[:n]}
	switch p.Type {
	case "string", "number", "boolean", "bool", "password", "list", "ipv4", "version":
	default:
		return p, "", fmt.Errorf("the type %s is unknown", quote(p.Type))
	}
	if s[n] == '}' {
		return p, s[n+1:], nil
	}
	s = s[n+1:]
	// A pattern may hold braces and a list brackets: each ends with its own mark before the brace.
	end := "}"
	switch {
	case strings.HasPrefix(s, "/"):
		end = "/}"
	case strings.HasPrefix(s, "["):
		end = "]}"
	}
	n = strings.Index(s, end)
	if n < 0 || (end == "/}" && n == 0) {
		return p, "", errors.New("a ${ is not closed")
	}
	spec, rest := s[:n+len(end)-1], s[n+len(end):]
	return p, rest, p.spec(spec)
}

// numberRange is the form of a number's bounds.
var numberRange = regexp.MustCompile(`^\[\s*(-?[0-9]+(?:\.[0-9]+)?)\s*-\s*(-?[0-9]+(?:\.[0-9]+)?)\s*\]$`)

// maxPatternLength bounds what compiling a pattern costs.
const maxPatternLength = 1_000

func (p *FormatPart) spec(s string) error {
	switch {
	case strings.HasPrefix(s, "/"):
		if len(s) > maxPatternLength {
			return errors.New("the pattern is too long")
		}
		re, err := regexp.Compile(s[1 : len(s)-1])
		if err != nil {
			return fmt.Errorf("the pattern %s is not valid", quote(s))
		}
		p.Pattern = re
		return nil
	case p.Type == "number":
		m := numberRange.FindStringSubmatch(s)
		if m == nil {
			return fmt.Errorf("the range %s is not [min-max]", quote(s))
		}
		// The form admits only numbers; one too large becomes infinite, which bounds as well.
		p.Min, _ = strconv.ParseFloat(m[1], 64)
		p.Max, _ = strconv.ParseFloat(m[2], 64)
		if p.Ranged = true; p.Min > p.Max {
			return fmt.Errorf("the range %s is empty", quote(s))
		}
		return nil
	case p.Type == "list" && strings.HasPrefix(s, "["):
		for c := range strings.SplitSeq(s[1:len(s)-1], ",") {
			p.Choices = append(p.Choices, strings.TrimSpace(c))
		}
		return nil
	}
	return fmt.Errorf("%s says nothing about a %s", quote(s), p.Type)
}
