package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// output is how a command shows what it found.
type output struct{ form, template string }

// flags adds -o and --format to a command. forms beyond table, json, yaml and name may be added.
func (o *output) flags(c *cobra.Command, more ...string) {
	forms := append([]string{"table", "json", "yaml", "name"}, more...)
	c.Flags().StringVarP(&o.form, "output", "o", "table", "`FORM` of the answer: "+strings.Join(forms, ", "))
	c.Flags().StringVar(&o.template, "format", "", "Go `TEMPLATE` over the JSON form of each item, such as '{{.name}} {{.version}}'")
	c.PreRunE = func(*cobra.Command, []string) error {
		for _, f := range forms {
			if o.form == f {
				return nil
			}
		}
		return usagef("there is no form %q; -o takes %s", o.form, strings.Join(forms, ", "))
	}
	fixedWords(c, "output", forms)
}

// shown is what a command found, in all its forms.
type shown struct {
	value  any      // for json, yaml and templates; a slice is a list of items
	header []string // of the table
	rows   [][]string
	names  []string // for -o name
}

// show writes it in the form asked for.
func (o *output) show(w io.Writer, s shown) error {
	switch {
	case o.template != "":
		return showTemplate(w, o.template, s.value)
	case o.form == "json":
		e := json.NewEncoder(jsonText{w})
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(s.value)
	case o.form == "yaml":
		plain, err := plainly(s.value)
		if err != nil {
			return err
		}
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		if err := e.Encode(plain); err != nil {
			return err
		}
		return e.Close()
	case o.form == "name":
		for _, n := range s.names {
			if _, err := fmt.Fprintln(w, harmless(n)); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, cells := range append([][]string{s.header}, s.rows...) {
		if _, err := fmt.Fprintln(t, row(cells)); err != nil {
			return err
		}
	}
	return t.Flush()
}

// row is a row of a table. What a cell says, the terminal shows and does not act on.
func row(cells []string) string {
	shown := make([]string, len(cells))
	for i, c := range cells {
		shown[i] = harmless(c)
	}
	return strings.Join(shown, "\t")
}

// jsonText writes JSON with the characters escaped that a terminal may act on and that JSON lets stand.
type jsonText struct{ w io.Writer }

// Write takes whole characters only, as an Encoder writes whole values.
func (t jsonText) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for _, r := range string(p) {
		if acts(r) && r != '\n' { // between values; inside them it is escaped
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	if _, err := t.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plainly gives the JSON form of a value as maps, lists and plain values, so that YAML and templates
// use the names of the JSON. Whole numbers stay whole.
func plainly(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, err
	}
	return each(plain, func(leaf any) any {
		n, is := leaf.(json.Number)
		if !is {
			return leaf
		}
		if whole, err := n.Int64(); err == nil {
			return whole
		}
		if f, err := n.Float64(); err == nil {
			return f
		}
		return n.String()
	}), nil
}

// each changes what is no map and no list in a plain value, and the keys of its maps.
func each(v any, change func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		changed := make(map[string]any, len(v))
		for key, below := range v {
			changed[fmt.Sprint(change(key))] = each(below, change)
		}
		return changed
	case []any:
		for i, below := range v {
			v[i] = each(below, change)
		}
		return v
	}
	return change(v)
}

// harmlessLeaf takes out of a text what a terminal may act on; lines stay lines.
func harmlessLeaf(leaf any) any {
	text, is := leaf.(string)
	if !is {
		return leaf
	}
	return strings.Map(harmlessInText, strings.ReplaceAll(text, "\r\n", "\n"))
}

func showTemplate(w io.Writer, text string, v any) error {
	t, err := template.New("format").Funcs(template.FuncMap{
		"join": func(sep string, list []any) string {
			parts := make([]string, len(list))
			for i, v := range list {
				parts[i] = fmt.Sprint(v)
			}
			return strings.Join(parts, sep)
		},
		"json": func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
	}).Option("missingkey=zero").Parse(text)
	if err != nil {
		return usagef("--format: %s", err)
	}
	plain, err := plainly(v)
	if err != nil {
		return err
	}
	plain = each(plain, harmlessLeaf)
	items := []any{plain}
	if reflect.ValueOf(plain).Kind() == reflect.Slice {
		items = plain.([]any)
	}
	for _, item := range items {
		if err := t.Execute(w, item); err != nil {
			return usagef("--format: %s", err)
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
