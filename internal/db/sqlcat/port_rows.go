package sqlcat

import (
	"context"
	"encoding/hex"
	"slices"
)

const (
	// importRows is how many rows are written by one call, and importText how much text at most.
	importRows = 1000
	importText = 4 << 20
)

// importTable gathers rows by column.
type importTable struct {
	portTable
	given []portColumn // the columns of the export, in its order
	texts [][]*string
	ints  [][]*int64
	bools [][]bool
	bytes [][][]byte
	rows  int
	size  int // of its texts
}

func newImportTable(t portTable, columns []string) (*importTable, error) {
	it := &importTable{portTable: t}
	for i, name := range columns {
		at := slices.IndexFunc(t.columns, func(c portColumn) bool { return c.name == name })
		if at < 0 || slices.Contains(columns[:i], name) {
			return nil, exportInvalid("the export has a column %s.%s, which this release does not know or has seen before", t.name, name)
		}
		it.given = append(it.given, t.columns[at])
	}
	n := len(columns)
	it.texts, it.ints, it.bools, it.bytes = make([][]*string, n), make([][]*int64, n), make([][]bool, n), make([][][]byte, n)
	return it, nil
}

// add takes a row, and reports whether it is time to write.
func (t *importTable) add(values []any) (bool, error) {
	if len(values) != len(t.given) {
		return false, exportInvalid("a row of %s has %d values and not %d", t.name, len(values), len(t.given))
	}
	for i, c := range t.given {
		if values[i] == nil && !c.null {
			return false, exportInvalid("a row of %s has no %s", t.name, c.name)
		}
		ok := true
		switch c.kind {
		case portBool:
			var v bool
			v, ok = values[i].(bool)
			t.bools[i] = append(t.bools[i], v)
		case portInt:
			var p *int64
			if values[i] != nil {
				var v int64
				v, ok = values[i].(int64)
				p = &v
			}
			t.ints[i] = append(t.ints[i], p)
		case portBytes:
			text, isText := values[i].(string)
			v, err := hex.DecodeString(text)
			ok = isText && err == nil
			t.bytes[i] = append(t.bytes[i], v)
		default:
			var p *string
			if values[i] != nil {
				var v string
				v, ok = values[i].(string)
				if !storable(v) {
					return false, checkStorable(v)
				}
				if t.name == "changes" && c.name != "by_whom" {
					if err := checkSeparable(v); err != nil {
						return false, err
					}
				}
				p = &v
				t.size += len(v)
			}
			t.texts[i] = append(t.texts[i], p)
		}
		if !ok {
			return false, exportInvalid("a row of %s has a %s that is no %s", t.name, c.name, c.kind)
		}
	}
	t.rows++
	return t.rows >= importRows || t.size >= importText, nil
}

// write writes the rows gathered.
func (t *importTable) write(ctx context.Context, tx Tx) error {
	if t.rows == 0 {
		return nil
	}
	columns := make([]Column, len(t.given))
	for i, c := range t.given {
		columns[i].Name = c.name
		switch c.kind {
		case portBool:
			columns[i].Values = t.bools[i]
		case portInt:
			columns[i].Values = t.ints[i]
		case portBytes:
			columns[i].Values = t.bytes[i]
		default:
			columns[i].Values = t.texts[i]
		}
		t.texts[i], t.ints[i], t.bools[i], t.bytes[i] = nil, nil, nil, nil
	}
	t.rows, t.size = 0, 0
	return tx.Insert(ctx, t.name, "", columns...)
}
