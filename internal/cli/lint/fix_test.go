package lint_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/lint"
	"packregistry/internal/pack/packtest"
)

func fix(t *testing.T, dir string) *lint.Result {
	t.Helper()
	r, err := linter(t).Fix(context.Background(), look(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wide encodes a text as UTF-16 with its byte order mark.
func wide(text string, big bool) string {
	var b bytes.Buffer
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func rulesOf(r *lint.Result) []string {
	var out []string
	for _, f := range r.Fixed {
		out = append(out, f.Rule+" "+f.File)
	}
	return out
}

const manifestHead = "{\n  \"name\": \"a\", \"displayName\": \"Ä 😀\", \"version\": \"1.0\", \"layer\": \"csi\", \"cloudTypes\": [\"all\"],\n"

func TestFixMendsAll(t *testing.T) {
	dir := write(t, packtest.Pack("a", "1.0",
		packtest.File("pack.json", wide(manifestHead+"  \"charts\": [ \"\" ],\n  \"kubeManifests\": [\"\", \"manifests\\\\app.yaml\" , \" \" ,\n   \"./manifests/app.yaml\", \"\"]\n}\n", false)),
		packtest.File("values.yaml", "\xef\xbb\xbfpack:\r\n  namespace: a\r\n"),
		packtest.File("schema.yaml", wide("pack.namespace:\n  schema: '{{ required }}'\n", true)),
		packtest.File("logo.png", func() string {
			var b bytes.Buffer
			img := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.White, color.Black})
			img.SetColorIndex(1, 1, 1)
			if err := gif.Encode(&b, img, nil); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}())))
	if err := os.Chmod(filepath.Join(dir, "pack.json"), 0o640); err != nil {
		t.Fatal(err)
	}
	r := fix(t, dir)
	if len(r.Findings) > 0 || !r.Valid {
		t.Errorf("still found: %v", brief(r))
	}
	want := []string{
		"logo-type logo.png", "file-bom values.yaml", "schema-binary schema.yaml", "packjson-utf8 pack.json",
		"path-blank pack.json", "path-blank pack.json", "path-escape pack.json", "path-blank pack.json", "path-blank pack.json",
	}
	if diff := cmp.Diff(want, rulesOf(r)); diff != "" {
		t.Errorf("fixed %v: %s", rulesOf(r), diff)
	}
	if diff := cmp.Diff(manifestHead+"  \"charts\": [],\n  \"kubeManifests\": [\"manifests/app.yaml\" , \"./manifests/app.yaml\"]\n}\n", read(t, "pack/pack.json")); diff != "" {
		t.Error(diff)
	}
	if got := read(t, "pack/values.yaml"); got != "pack:\r\n  namespace: a\r\n" {
		t.Errorf("%q", got)
	}
	picture, err := png.Decode(strings.NewReader(read(t, "pack/logo.png")))
	if err != nil || picture.Bounds() != image.Rect(0, 0, 3, 2) || color.GrayModel.Convert(picture.At(1, 1)) != (color.Gray{}) {
		t.Errorf("%v %v", picture, err)
	}
	if info, err := os.Stat("pack/pack.json"); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	again := fix(t, dir)
	if len(again.Fixed) > 0 {
		t.Errorf("fixed again: %v", again.Fixed)
	}
}

// What could change what a pack means is left alone.
func TestFixLeavesAlone(t *testing.T) {
	picture := func(encode func(*bytes.Buffer) error) string {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	frame := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.White, color.Black})
	turned := picture(func(b *bytes.Buffer) error { return jpeg.Encode(b, frame, nil) })
	turned = turned[:2] + "\xff\xe1\x00\x0aExif\x00\x00II" + turned[2:]
	moving := picture(func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}})
	})
	for name, files := range map[string]map[string]string{
		"unknown":     packtest.Pack("a", "v1.0", packtest.With("addonType", "Monitoring"), packtest.With("cloudTypes", []string{"AWS"})),
		"file gone":   packtest.Pack("a", "1.0", packtest.With("kubeManifests", []string{`manifests\gone.yaml`, `..\pack\values.yaml`, "/etc/hosts"})),
		"trailing":    packtest.Pack("a", "1.0", packtest.File("pack.json", `{"name":"a",}`)),
		"odd UTF-16":  packtest.Pack("a", "1.0", packtest.File("values.yaml", wide("a: 1\n", false)+"x")),
		"half UTF-16": packtest.Pack("a", "1.0", packtest.File("values.yaml", "\xff\xfe\x3d\xd8\x3d\xd8")),
		"binary":      packtest.Pack("a", "1.0", packtest.File("schema.yaml", "\xff\xfe\x00\x00a\x00")),
		"moving logo": packtest.Pack("a", "1.0", packtest.File("logo.png", moving)),
		"turned logo": packtest.Pack("a", "1.0", packtest.File("logo.png", turned)),
		"twice":       packtest.Pack("a", "1.0", packtest.File("values.yaml", "a: 1\na: 1\n")),
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, files)
			before := look(t, dir)
			if len(before.Findings) == 0 {
				t.Fatal("nothing is wrong with the pack")
			}
			if r := fix(t, dir); len(r.Fixed) > 0 {
				t.Errorf("fixed %+v", r.Fixed)
			}
			if diff := cmp.Diff(files, packtest.Dir(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A link leads to somebody else's file, and a file that cannot be replaced stays as it is.
func TestFixWritesNowhereElse(t *testing.T) {
	dir := write(t, packtest.Pack("a", "1.0", packtest.Without("values.yaml"), packtest.File("shared/values.yaml", "\xef\xbb\xbfa: 1\n")))
	if err := os.Symlink("shared/values.yaml", "pack/values.yaml"); err != nil {
		t.Skip("no links here")
	}
	if r := fix(t, dir); len(r.Fixed) > 0 {
		t.Errorf("%+v", r.Fixed)
	}
	if info, err := os.Lstat("pack/values.yaml"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}

	dir = write(t, packtest.Pack("a", "1.0", packtest.File("values.yaml", "\xef\xbb\xbfa: 1\n")))
	if err := os.Mkdir("pack/values.yaml.spectro~", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := linter(t).Fix(context.Background(), look(t, dir)); err == nil || !strings.Contains(err.Error(), "cannot be mended") {
		t.Errorf("%v", err)
	}
	if got := read(t, "pack/values.yaml"); got != "\xef\xbb\xbfa: 1\n" {
		t.Errorf("%q", got)
	}
}
