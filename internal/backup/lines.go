package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// An export is JSON Lines, the same bytes for the same catalogue:
//
//	{"format":"pack-registry-catalogue/1","schema":3,"birth":"...","head":{"seq":12,"mark":"..."}}
//	{"blob":"sha256:...","size":123}
//	{"table":"packs","columns":["id","namespace",...]}
//	[1,"default",...]
//	{"end":{"blobs":1,"rows":1}}

const linesFormat = "pack-registry-catalogue/1"

// maxLine bounds a line; the longest are revisions, with pack.json and README.
const maxLine = 64 << 20

type headLine struct {
	Format string   `json:"format"`
	Schema int      `json:"schema"`
	Birth  string   `json:"birth"`
	Head   headMark `json:"head"`
}

type headMark struct {
	Seq  int64  `json:"seq"`
	Mark string `json:"mark"`
}

type blobLine struct {
	Blob pack.Digest `json:"blob"`
	Size int64       `json:"size"`
}

type tableLine struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type endLine struct {
	End ending `json:"end"`
}

type ending struct {
	Blobs int   `json:"blobs"`
	Rows  int64 `json:"rows"`
}

// contents is what went through an export.
type contents struct {
	header db.ExportHeader
	blobs  []blob
	rows   map[string]int64 // by table
	table  string
}

func (c *contents) bytes() (n int64) {
	for _, b := range c.blobs {
		n += b.size
	}
	return n
}

func (c *contents) ending() ending {
	e := ending{Blobs: len(c.blobs)}
	for n := range maps.Values(c.rows) {
		e.Rows += n
	}
	return e
}

func (c *contents) begin(h db.ExportHeader) { *c = contents{header: h, rows: map[string]int64{}} }

// lineWriter is a db.ExportSink that writes lines.
type lineWriter struct {
	contents
	enc *json.Encoder
}

func newLineWriter(w io.Writer) *lineWriter {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &lineWriter{enc: enc}
}

func (w *lineWriter) Begin(h db.ExportHeader) error {
	w.begin(h)
	return w.enc.Encode(headLine{linesFormat, h.Schema, h.Birth, headMark(h.Head)})
}

func (w *lineWriter) Blob(d pack.Digest, size int64) error {
	w.blobs = append(w.blobs, blob{d, size})
	return w.enc.Encode(blobLine{d, size})
}

func (w *lineWriter) Table(name string, columns []string) error {
	w.table = name
	w.rows[name] = 0
	return w.enc.Encode(tableLine{name, columns})
}

func (w *lineWriter) Row(values []any) error {
	w.rows[w.table]++
	return w.enc.Encode(values)
}

func (w *lineWriter) end() error { return w.enc.Encode(endLine{w.ending()}) }

// readLines hands an export to the sink. An error of the sink comes back as it is; all others say that the export is broken.
func readLines(r io.Reader, to db.ExportSink) (*contents, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	c := &contents{}
	ended := false
	n := 0
	for lines.Scan() {
		n++
		if ended {
			return nil, fmt.Errorf("line %d comes after the last one", n)
		}
		var err error
		if ended, err = c.line(n, lines.Bytes(), to); err != nil {
			return nil, err
		}
	}
	switch err := lines.Err(); {
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	case !ended:
		return nil, errors.New("its end is missing")
	}
	return c, nil
}

// sinkError tells an error of a sink from one of reading.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

func fromSink(err error) error {
	if err == nil {
		return nil
	}
	return sinkError{err}
}

func (c *contents) line(n int, line []byte, to db.ExportSink) (ended bool, err error) {
	broken := func(err error) (bool, error) { return false, fmt.Errorf("line %d: %w", n, err) }
	switch {
	case n == 1:
		var h headLine
		if err := json.Unmarshal(line, &h); err != nil {
			return broken(err)
		}
		if h.Format != linesFormat {
			return broken(fmt.Errorf("its format is %q, this release reads %s", h.Format, linesFormat))
		}
		c.begin(db.ExportHeader{Schema: h.Schema, Birth: h.Birth, Head: db.Mark(h.Head)})
		return false, fromSink(to.Begin(c.header))
	case bytes.HasPrefix(line, []byte("[")):
		values, err := readRow(line)
		if err != nil {
			return broken(err)
		}
		c.rows[c.table]++
		return false, fromSink(to.Row(values))
	case bytes.HasPrefix(line, []byte(`{"blob":`)):
		var b blobLine
		if err := json.Unmarshal(line, &b); err != nil {
			return broken(err)
		}
		if _, err := pack.ParseDigest(string(b.Blob)); err != nil {
			return broken(err)
		}
		c.blobs = append(c.blobs, blob{b.Blob, b.Size})
		return false, fromSink(to.Blob(b.Blob, b.Size))
	case bytes.HasPrefix(line, []byte(`{"table":`)):
		var t tableLine
		if err := json.Unmarshal(line, &t); err != nil {
			return broken(err)
		}
		c.table = t.Table
		c.rows[t.Table] = 0
		return false, fromSink(to.Table(t.Table, t.Columns))
	}
	var e endLine
	if err := json.Unmarshal(line, &e); err != nil {
		return broken(err)
	}
	if e.End != c.ending() {
		return broken(fmt.Errorf("it counts %+v, there were %+v", e.End, c.ending()))
	}
	return true, nil
}

// readRow reads the values of a row as db.ExportSink wants them.
func readRow(line []byte) ([]any, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var values []any
	if err := dec.Decode(&values); err != nil {
		return nil, err
	}
	for i, v := range values {
		switch v := v.(type) {
		case nil, bool, string:
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return nil, fmt.Errorf("%s is no whole number up to %d", v, int64(math.MaxInt64))
			}
			values[i] = n
		default:
			return nil, fmt.Errorf("value %d is a list or object", i+1)
		}
	}
	return values, nil
}

// nowhere is a sink for reading without writing.
type nowhere struct{}

func (nowhere) Begin(db.ExportHeader) error   { return nil }
func (nowhere) Blob(pack.Digest, int64) error { return nil }
func (nowhere) Table(string, []string) error  { return nil }
func (nowhere) Row([]any) error               { return nil }

var _, _ db.ExportSink = nowhere{}, (*lineWriter)(nil)
