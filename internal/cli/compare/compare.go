// Package compare tells what differs between two versions of a pack: in pack.json, in the defaults of values.yaml, in the
// container images and in the files.
package compare

import (
	"bytes"
	"encoding/json"
	"fmt"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
)

// Side is one of the two.
type Side struct {
	Name     string          // for people
	Manifest json.RawMessage // pack.json
	Values   []byte          // values.yaml
	Files    []pack.File     // all of them, these two too
}

// The words for changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Type    = "type"    // of a key of values.yaml: another type of value
	Default = "default" // of a key of values.yaml: another value of the same type
)

// Diff is what differs, as -o json shows it. From and To of its parts are JSON values.
type Diff struct {
	From     string  `json:"from"`
	To       string  `json:"to"`
	Same     bool    `json:"same"` // all files are the same
	PackJSON []Field `json:"packJson"`
	Values   []Key   `json:"values"`
	Images   []Image `json:"images"`
	Files    []File  `json:"files"`
}

// Field is a field of pack.json. Lists are compared as a whole.
type Field struct {
	Pointer string `json:"pointer"` // RFC 6901
	Change  string `json:"change"`  // added, removed, changed
	From    any    `json:"from,omitempty"`
	To      any    `json:"to,omitempty"`
}

// Key is a key of values.yaml. Where a whole mapping came or went it is the mapping's.
type Key struct {
	Path     string `json:"path"`   // keys joined by dots; one that has a dot itself is in ["..."]
	Change   string `json:"change"` // added, removed, type, default
	FromType string `json:"fromType,omitempty"`
	ToType   string `json:"toType,omitempty"`
	From     any    `json:"from,omitempty"`
	To       any    `json:"to,omitempty"`
}

// Image is a container image that values.yaml names, with its tags or digests on either side.
type Image struct {
	Image  string   `json:"image"`  // without tag and digest
	Change string   `json:"change"` // added, removed, changed
	From   []string `json:"from,omitempty"`
	To     []string `json:"to,omitempty"`
}

// File is a file of the pack.
type File struct {
	Path   string     `json:"path"`
	Change string     `json:"change"` // added, removed, changed
	From   *pack.File `json:"from,omitempty"`
	To     *pack.File `json:"to,omitempty"`
}

// Sides compares. What is no pack.json or values.yaml is an error that names the side.
func Sides(a, b Side) (*Diff, error) {
	d := &Diff{From: a.Name, To: b.Name, PackJSON: []Field{}, Values: []Key{}, Images: []Image{}, Files: []File{}}
	d.Files = append(d.Files, files(a.Files, b.Files)...)
	d.Same = len(d.Files) == 0
	manifestA, err := decode(a)
	if err != nil {
		return nil, err
	}
	manifestB, err := decode(b)
	if err != nil {
		return nil, err
	}
	fields(&d.PackJSON, "", manifestA, manifestB)
	valuesA, err := valuesOf(a)
	if err != nil {
		return nil, err
	}
	valuesB, err := valuesOf(b)
	if err != nil {
		return nil, err
	}
	keys(&d.Values, "", valuesA.plain, valuesB.plain)
	d.Images = append(d.Images, images(valuesA.images, valuesB.images)...)
	return d, nil
}

// decode reads pack.json; numbers stay as they are written.
func decode(s Side) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(s.Manifest))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("%s: pack.json cannot be read: %w", s.Name, err)
	}
	return m, nil
}

func valuesOf(s Side) (*values, error) {
	root, err := check.ParseValues(s.Values)
	if err != nil {
		return nil, fmt.Errorf("%s: values.yaml cannot be read: %w", s.Name, err)
	}
	return treeOf(root), nil
}
