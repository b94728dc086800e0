package legacy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a shape.
const (
	maxDepth = 8
	maxKeys  = 64
	maxShape = 4 << 10 // bytes of the text
)

// bodyShape tells the form of a body without any of its values: of JSON the keys and the types, of a
// form the names, of the rest what the first bytes look like.
func bodyShape(data []byte) string {
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return "empty"
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "zip"
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("[")):
		return jsonShape(trimmed)
	case !utf8.Valid(data[:max(0, len(data)-utf8.UTFMax)]) || bytes.IndexByte(data, 0) >= 0:
		return "binary"
	case isForm(data):
		return formShape(string(data))
	}
	return "text, " + strconv.Itoa(bytes.Count(data, []byte("\n"))+1) + " lines"
}

func isForm(data []byte) bool {
	return bytes.IndexByte(data, '=') > 0 && !bytes.ContainsAny(data, " \n\r\t<")
}

func formShape(text string) string {
	values, err := url.ParseQuery(text)
	if err != nil {
		return "text, 1 lines"
	}
	var names []string
	for name := range values {
		names = append(names, clip(name))
	}
	slices.Sort(names)
	return "form " + cut(strings.Join(names[:min(len(names), maxKeys)], " "))
}

// jsonShape reads as far as the text goes: a body that was cut off shows what came.
func jsonShape(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var b strings.Builder
	err := valueShape(d, &b, 0)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		b.WriteString(" (cut off)")
	case err != nil:
		b.WriteString(" (not JSON from here on)")
	}
	return cut("json " + b.String())
}

func cut(s string) string {
	if len(s) > maxShape {
		return strings.ToValidUTF8(s[:maxShape], "") + "..."
	}
	return s
}

func valueShape(d *json.Decoder, b *strings.Builder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return objectShape(d, b, depth+1)
		}
		return arrayShape(d, b, depth+1)
	case string:
		write(b, depth, "string("+strconv.Itoa(len(t))+")")
	case json.Number:
		write(b, depth, "number")
	case bool:
		write(b, depth, "boolean")
	default:
		write(b, depth, "null")
	}
	return nil
}

// write leaves out what lies too deep, and what would make the text too long.
func write(b *strings.Builder, depth int, text string) {
	if depth <= maxDepth && b.Len() < maxShape {
		b.WriteString(text)
	}
}

func objectShape(d *json.Decoder, b *strings.Builder, depth int) error {
	write(b, depth, "{")
	for n := 0; d.More(); n++ {
		key, err := d.Token()
		if err != nil {
			return err
		}
		into := b
		if n >= maxKeys {
			into = &strings.Builder{}
		}
		if n > 0 {
			write(into, depth, ",")
		}
		write(into, depth, strconv.Quote(clip(fmt.Sprint(key)))+":")
		if err := valueShape(d, into, depth); err != nil {
			return err
		}
	}
	write(b, depth, "}")
	_, err := d.Token()
	return err
}

// arrayShape shows the first element and how many there are.
func arrayShape(d *json.Decoder, b *strings.Builder, depth int) error {
	write(b, depth, "[")
	n := 0
	for ; d.More(); n++ {
		into := b
		if n > 0 {
			into = &strings.Builder{}
		}
		if err := valueShape(d, into, depth); err != nil {
			return err
		}
	}
	write(b, depth, "]*"+strconv.Itoa(n))
	_, err := d.Token()
	return err
}
