package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/compare"
	"packregistry/internal/pack"
)

func bytesOf(n int64) string { return fmt.Sprint(n, " B") }

func TestText(t *testing.T) {
	d := &compare.Diff{
		From: "alpha:1", To: "alpha:2",
		PackJSON: []compare.Field{
			{Pointer: "/charts", Change: compare.Changed, From: []any{"a", "b", "b"}, To: []any{"b", map[string]any{"c": "d"}}},
			{Pointer: "/order", Change: compare.Changed, From: []any{"a", "b"}, To: []any{"b", "a"}},
			{Pointer: "/version", Change: compare.Changed, From: "1", To: "2"},
		},
		Values: []compare.Key{
			{Path: "a", Change: compare.Added, ToType: "mapping", To: map[string]any{"x": map[string]any{"y": nil, "z": nil}, "v": map[string]any{}}},
			{Path: "b", Change: compare.Type, FromType: "null", ToType: "string", To: "\x1b[31m" + strings.Repeat("x", 100)},
			{Path: "c\x1b", Change: compare.Removed, FromType: "boolean", From: true},
		},
		Images: []compare.Image{{Image: "r/a", Change: compare.Changed, From: []string{"1"}, To: []string{""}}, {Image: "r/b", Change: compare.Added, To: []string{"1", "2"}}},
		Files: []compare.File{
			{Path: "new", Change: compare.Added, To: &pack.File{Size: 3}},
			{Path: "values.yaml", Change: compare.Changed, From: &pack.File{Size: 1}, To: &pack.File{Size: 2}},
		},
	}
	want := `alpha:1 -> alpha:2

pack.json
  ~ charts
      - "a"
      - "b"
      + {"c":"d"}
  ~ order    in another order
  ~ version  "1" -> "2"

values.yaml
  + a                   {3 below}
  ~ b (null -> string)  null -> "\u001b[31m` + strings.Repeat("x", 58) + `...
  - c?                  true

images
  ~ r/a  1 -> (no tag)
  + r/b  1, 2

files
  + new          3 B
  ~ values.yaml  1 B -> 2 B
`
	var got strings.Builder
	if err := d.Text(&got, bytesOf); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}

	d.Values = nil
	got.Reset()
	if err := d.Text(&got, bytesOf); err != nil || !strings.Contains(got.String(), "only comments, order or macros") {
		t.Errorf("%v\n%s", err, &got)
	}
	same := &compare.Diff{From: "a", To: "b", Same: true}
	got.Reset()
	if err := same.Text(&got, bytesOf); err != nil || got.String() != "a -> b\nno differences\n" {
		t.Errorf("%v\n%s", err, &got)
	}
}
