package pack

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the change as json.Marshal would write it. Readers of the feed ask for
// thousands at once, and reflection costs more than the database.
func (c *Change) AppendJSON(b []byte) []byte {
	b = appendField(b, `{"type":`, string(c.Type))
	b = appendField(b, `,"namespace":`, c.Namespace)
	b = appendField(b, `,"name":`, c.Name)
	b = appendField(b, `,"version":`, c.Version)
	if c.Tag != "" {
		b = appendField(b, `,"tag":`, c.Tag)
	}
	if c.Digest != "" {
		b = appendField(b, `,"digest":`, string(c.Digest))
	}
	if c.ContentDigest != "" {
		b = appendField(b, `,"contentDigest":`, c.ContentDigest)
	}
	if c.Revision != 0 {
		b = strconv.AppendInt(append(b, `,"revision":`...), int64(c.Revision), 10)
	}
	b = append(b, `,"at":"`...)
	b = c.At.AppendFormat(b, time.RFC3339Nano)
	b = appendField(b, `","by":`, c.By)
	b = appendField(b, `,"cursor":`, c.Cursor)
	return append(b, '}')
}

func appendField(b []byte, key, value string) []byte {
	b = append(b, key...)
	if !isPlain(value) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // a string is always JSON
		}
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

// isPlain reports whether json.Marshal writes a text as it is: ASCII without control characters,
// quotes, backslashes and what it hides from HTML. It looks at eight bytes at once, each in a
// byte of a word, in which what is looked for sets the highest bit.
func isPlain(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	zero := func(w uint64) uint64 { return (w - ones) &^ w } // in bytes that are zero; above the first one it may err
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		bad := w | // not ASCII
			(w-ones*0x20)&^w | // control characters
			zero((w|ones*0x02)^ones*'>') | // > and <
			zero((w|ones*0x04)^ones*'&') | // & and "
			zero(w^ones*'\\')
		if bad&highs != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if ch := s[i]; ch < 0x20 || ch >= utf8.RuneSelf || ch == '"' || ch == '\\' || ch == '<' || ch == '>' || ch == '&' {
			return false
		}
	}
	return true
}
