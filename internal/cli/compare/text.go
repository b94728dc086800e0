package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// mostText is the longest a value is shown for people, in characters.
const mostText = 72

// Text writes a Diff for people. size writes a number of bytes.
func (d *Diff) Text(w io.Writer, size func(int64) string) error {
	t := &textWriter{w: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)}
	t.line("%s -> %s", d.From, d.To)
	if d.Same {
		t.line("no differences")
		return t.end()
	}
	t.head("pack.json", len(d.PackJSON))
	for _, f := range d.PackJSON {
		t.change(f.Change, strings.TrimPrefix(f.Pointer, "/"), f.From, f.To)
	}
	t.head("values.yaml", len(d.Values))
	for _, k := range d.Values {
		name := k.Path
		if k.Change == Type {
			name += " (" + k.FromType + " -> " + k.ToType + ")"
		}
		t.change(k.Change, name, k.From, k.To)
	}
	if len(d.Values) == 0 && d.touches("values.yaml") {
		t.head("values.yaml", 1)
		t.line("  ~ only comments, order or macros")
	}
	t.head("images", len(d.Images))
	for _, i := range d.Images {
		t.row(sign(i.Change), i.Image, arrow(i.Change, tags(i.From), tags(i.To)))
	}
	t.head("files", len(d.Files))
	for _, f := range d.Files {
		from, to := "", ""
		if f.From != nil {
			from = size(f.From.Size)
		}
		if f.To != nil {
			to = size(f.To.Size)
		}
		t.row(sign(f.Change), f.Path, arrow(f.Change, from, to))
	}
	return t.end()
}

func (d *Diff) touches(path string) bool {
	for _, f := range d.Files {
		if f.Path == path && f.Change == Changed {
			return true
		}
	}
	return false
}

// textWriter remembers the first error.
type textWriter struct {
	w   *tabwriter.Writer
	err error
}

func (t *textWriter) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *textWriter) end() error {
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

// head begins a part that has lines; columns of one part are independent of those of the next.
func (t *textWriter) head(name string, lines int) {
	if lines > 0 {
		t.line("\n%s", name)
	}
}

func (t *textWriter) row(sign, name, what string) {
	if name = "  " + sign + " " + printable(name); what != "" {
		name += "\t" + what
	}
	t.line("%s", name)
}

// change writes a changed value: of lists what came and went, of all else both.
func (t *textWriter) change(change, name string, from, to any) {
	listA, bothA := from.([]any)
	listB, bothB := to.([]any)
	if !bothA || !bothB {
		t.row(sign(change), name, arrow(change, short(from), short(to)))
		return
	}
	gone, came := less(listA, listB), less(listB, listA)
	if len(gone)+len(came) == 0 {
		t.row(sign(change), name, "in another order")
		return
	}
	t.row(sign(change), name, "")
	for _, v := range gone {
		t.line("      - %s", cut(encoded(v)))
	}
	for _, v := range came {
		t.line("      + %s", cut(encoded(v)))
	}
}

// less is what is in a and not in b, each as often as it is there more.
func less(a, b []any) []any {
	in := map[string]int{}
	for _, v := range b {
		in[encoded(v)]++
	}
	var out []any
	for _, v := range a {
		if in[encoded(v)]--; in[encoded(v)] < 0 {
			out = append(out, v)
		}
	}
	return out
}

func sign(change string) string {
	switch change {
	case Added:
		return "+"
	case Removed:
		return "-"
	}
	return "~"
}

func arrow(change, from, to string) string {
	switch change {
	case Added:
		return to
	case Removed:
		return from
	}
	return from + " -> " + to
}

// tags writes the tags of an image; "" stands for none.
func tags(list []string) string {
	shown := make([]string, len(list))
	for i, t := range list {
		if shown[i] = printable(t); t == "" {
			shown[i] = "(no tag)"
		}
	}
	if len(shown) == 0 {
		return "(none)"
	}
	return strings.Join(shown, ", ")
}

// short writes a value as JSON, not longer than a line holds. Of a mapping only the number of keys is told.
func short(v any) string {
	if m, is := v.(map[string]any); is && len(m) > 0 {
		return fmt.Sprintf("{%d below}", leaves(m))
	}
	return cut(encoded(v))
}

func cut(text string) string {
	text = printable(text)
	if r := []rune(text); len(r) > mostText {
		return string(r[:mostText-3]) + "..."
	}
	return text
}

// leaves counts the keys without a mapping below them.
func leaves(m map[string]any) int {
	n := 0
	for _, v := range m {
		if below, is := v.(map[string]any); is && len(below) > 0 {
			n += leaves(below)
		} else {
			n++
		}
	}
	return n
}

// encoded writes what was read from JSON or YAML, which can always be written.
func encoded(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// printable takes out what a terminal would act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}
