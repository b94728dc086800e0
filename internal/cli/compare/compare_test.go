package compare_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/compare"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// side is a side of a pack.json and a values.yaml.
func side(manifest, values string) compare.Side {
	return compare.Side{Name: "x", Manifest: json.RawMessage(manifest), Values: []byte(values)}
}

func TestPackJSON(t *testing.T) {
	d, err := compare.Sides(
		side(`{"version":"1","layer":"addon","annotations":{"a/b":"x","gone":"y"},"charts":["a"],"eol":"","size":1.0}`, ""),
		side(`{"version":"2","layer":"addon","annotations":{"a/b":"z"},"charts":["b"],"group":"LTS","eol":null,"size":1.0}`, ""))
	if err != nil {
		t.Fatal(err)
	}
	want := []compare.Field{
		{Pointer: "/annotations/a~1b", Change: compare.Changed, From: "x", To: "z"},
		{Pointer: "/annotations/gone", Change: compare.Removed, From: "y"},
		{Pointer: "/charts", Change: compare.Changed, From: []any{"a"}, To: []any{"b"}},
		{Pointer: "/eol", Change: compare.Changed, From: ""},
		{Pointer: "/group", Change: compare.Added, To: "LTS"},
		{Pointer: "/version", Change: compare.Changed, From: "1", To: "2"},
	}
	if diff := cmp.Diff(want, d.PackJSON); diff != "" {
		t.Error(diff)
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		want           []string // change path type->type
	}{
		{"same", "a: 1\nb: {c: x}", "b:\n  c: \"x\" # said otherwise\na: 1\n", nil},
		{"added and removed", "a: 1", "b: 1", []string{"removed a number->", "added b ->number"}},
		{"a mapping goes as a whole", "a: {b: {c: 1, d: 2}}", "a: {}", []string{"removed a.b mapping->"}},
		{"default", "a: {b: x}", "a: {b: y}", []string{"default a.b string->string"}},
		{"type", "a: 1\nb: null\nc: [x]\nd: true\ne: {x: 1}", "a: \"1\"\nb: x\nc: {x: 1}\nd: 1.5\ne: []", []string{
			"type a number->string", "type b null->string", "type c list->mapping", "type d boolean->number", "type e mapping->list",
		}},
		{"a list is a default", "a: [1, 2]", "a: [2, 1]", []string{"default a list->list"}},
		{"keys with dots", "pack: {spectrocloud.com/priority: a}", "pack: {spectrocloud.com/priority: b}", []string{`default pack["spectrocloud.com/priority"] string->string`}},
		{"numbers as they are written", "a: 1.10\nb: 0x10\nc: .inf", "a: 1.1\nb: 16\nc: .inf", []string{"default a number->number"}},
		{"merged and doubled keys", "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nz: 1\nz: 2", "base: {x: 1, y: 2}\nuse: {x: 1, y: 3}\nz: 2", nil},
		{"merged from several, the first wins", "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nuse: {<<: [*a, *b]}", "a: {x: 1}\nb: {x: 2, y: 2}\nuse: {x: 1, y: 2}", nil},
		{"an alias", "a: &a {x: 1}\nb: *a", "a: {x: 1}\nb: {x: 2}", []string{"default b.x number->number"}},
		{"macros", "a: {{ .spectro.var.X }}\nb: 1", "a: {{ .spectro.var.Y }}\nb: 2", []string{"default b number->number"}},
		{"empty", "", "# nothing\n", nil},
		{"from empty", "", "a: 1", []string{"added a ->number"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := compare.Sides(side("{}", tt.from), side("{}", tt.to))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range d.Values {
				got = append(got, fmt.Sprintf("%s %s %s->%s", k.Change, k.Path, k.FromType, k.ToType))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestImages(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		want           []compare.Image
	}{
		{"listed", "pack: {content: {images: [{image: a/x:1}, {iamge: a/y:1}, a/w:1]}}", "pack: {content: {images: [{image: a/x:2}, {image: a/z:1}, {image: a/w:1}]}}", []compare.Image{
			{Image: "a/x", Change: compare.Changed, From: []string{"1"}, To: []string{"2"}},
			{Image: "a/y", Change: compare.Removed, From: []string{"1"}},
			{Image: "a/z", Change: compare.Added, To: []string{"1"}},
		}},
		{"in parts", "charts: {c: {image: {registry: quay.io, repository: a/b, tag: v1}}}", "charts: {c: {image: {registry: quay.io, repository: a/b, tag: v2, digest: \"sha256:00\"}}}", []compare.Image{
			{Image: "quay.io/a/b", Change: compare.Changed, From: []string{"v1"}, To: []string{"v2@sha256:00"}},
		}},
		{"as a text", "initImage: a/b:1\nsidecars: [{image: c/d:1}]\nlogoImage: none", "initImage: a/b:2\nsidecars: [{image: c/d:1}]", []compare.Image{
			{Image: "a/b", Change: compare.Changed, From: []string{"1"}, To: []string{"2"}},
		}},
		{"two tags of one, and a port", "i: [{image: h:5000/a:1}, {image: h:5000/a:2}]", "i: [{image: h:5000/a:2}, {image: h:5000/a:3}]", []compare.Image{
			{Image: "h:5000/a", Change: compare.Changed, From: []string{"1"}, To: []string{"3"}},
		}},
		{"a number as tag, and none", "x: {image: {repository: a/b, tag: 1.10}, repo: {repository: https://charts.io}}", "x: {image: {repository: a/b, tag: \"\"}}", []compare.Image{
			{Image: "a/b", Change: compare.Changed, From: []string{"1.10"}, To: []string{""}},
		}},
		{"image and repository apart", "i: {repository: r.io/a, image: b, tag: 1}", "i: {repository: r.io/a, image: b, tag: 2}", []compare.Image{
			{Image: "r.io/a/b", Change: compare.Changed, From: []string{"1"}, To: []string{"2"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := compare.Sides(side("{}", tt.from), side("{}", tt.to))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, d.Images); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSidesThatCannotBeRead(t *testing.T) {
	good := side("{}", "")
	for name, bad := range map[string]compare.Side{"pack.json": side("[", ""), "values.yaml": side("{}", "a: [")} {
		for _, err := range []error{second(compare.Sides(bad, good)), second(compare.Sides(good, bad))} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func second(_ *compare.Diff, err error) error { return err }

// TestLocal: a directory and its archives are the same; what push leaves out is left out.
func TestLocal(t *testing.T) {
	files := packtest.Pack("alpha", "1.0.0", packtest.File("values.yaml", "a: 1\n"))
	dir := t.TempDir()
	inside := filepath.Join(dir, "alpha")
	for path, content := range files {
		write(t, filepath.Join(inside, path), content)
	}
	write(t, filepath.Join(inside, ".git/HEAD"), "left out")
	write(t, filepath.Join(dir, "a.zip"), string(packtest.Zip(files)))
	write(t, filepath.Join(dir, "a.tar.gz"), string(packtest.PackTarGz("alpha", "1.0.0", packtest.File("values.yaml", "a: 1\n"))))
	write(t, filepath.Join(dir, "b.zip"), string(packtest.PackZip("alpha", "2.0.0", packtest.File("values.yaml", "a: 2\n"))))
	write(t, filepath.Join(dir, "bad.zip"), string(packtest.PackZip("alpha", "1.0.0", packtest.Without("values.yaml"))))
	local := func(name string) compare.Side {
		t.Helper()
		s, err := compare.Local(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	for _, other := range []string{"a.zip", "a.tar.gz"} {
		if d, err := compare.Sides(local("alpha"), local(other)); err != nil || !d.Same || len(d.Values) > 0 {
			t.Errorf("%s: %+v %v", other, d, err)
		}
	}
	d, err := compare.Sides(local("alpha"), local("b.zip"))
	if err != nil || d.Same || len(d.PackJSON) != 1 || len(d.Values) != 1 || len(d.Files) != 2 || d.Files[0].From.Size == 0 {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := compare.Local(t.Context(), filepath.Join(dir, "bad.zip")); !pack.IsKind(err, pack.KindBadPack) {
		t.Errorf("%v", err)
	}
	if _, err := compare.Local(t.Context(), filepath.Join(dir, "none.zip")); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRealPacks: real packs can be compared with their neighbours, and have no differences from themselves.
func TestRealPacks(t *testing.T) {
	var before *compare.Side
	for i, zip := range packtest.RealPacks(t) {
		if i%6 > 1 {
			continue
		}
		s, err := compare.Local(t.Context(), zip)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := compare.Sides(*s, *s); err != nil || !d.Same || len(d.PackJSON)+len(d.Values)+len(d.Images)+len(d.Files) > 0 {
			t.Errorf("%s differs from itself: %+v %v", zip, d, err)
		}
		if before != nil {
			d, err := compare.Sides(*before, *s)
			if err != nil || d.Same {
				t.Errorf("%s and %s: %v", before.Name, zip, err)
				continue
			}
			if _, err := json.Marshal(d); err != nil {
				t.Error(err)
			}
		}
		before = s
	}
}
