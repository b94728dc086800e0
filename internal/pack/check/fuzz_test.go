package check_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
)

// checkReport fails for a report that faces or databases could stumble over.
func checkReport(t *testing.T, r *check.Report) {
	t.Helper()
	if len(r.Findings) > 100 {
		t.Fatalf("%d findings", len(r.Findings))
	}
	for _, f := range r.Findings {
		whole := f.Rule + f.File + f.Pointer + f.Message
		if f.Message == "" || len(whole) > 3000 || !utf8.ValidString(whole) || strings.ContainsAny(whole, "\x00\n\x1b") {
			t.Fatalf("finding %+v", f)
		}
	}
	if !r.Valid() {
		return
	}
	m := r.Metadata
	if pack.ValidateName(m.Name) != nil || pack.ValidateVersion(m.Version) != nil || pack.ValidateGroup(m.Group) != nil {
		t.Fatalf("accepted: %+v", m)
	}
	if !json.Valid(m.Manifest) || !utf8.Valid(m.Manifest) || strings.Contains(m.DisplayName, "\x00") {
		t.Fatalf("accepted: %q", m.Manifest)
	}
}

func FuzzPackJSON(f *testing.F) {
	f.Add([]byte(packtest.Pack("a", "1.0")["pack.json"]))
	for _, name := range []string{"hello-manifest", "hello-chart"} {
		f.Add([]byte(packtest.Example(f, name)["pack.json"]))
	}
	for _, b := range breaches() {
		if text, ok := packtest.Pack("a", "1.0", b.opts...)["pack.json"]; ok && len(text) < 4096 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := inspect(t, packtest.Pack("a", "1.0", packtest.File("pack.json", string(text))))
		checkReport(t, r)
		if r.Valid() && !json.Valid(bytes.TrimPrefix(text, []byte("\ufeff"))) {
			t.Fatalf("accepted what is no JSON: %q", text)
		}
	})
}

// FuzzYAML feeds all three YAML files at once.
func FuzzYAML(f *testing.F) {
	for _, name := range []string{"hello-manifest", "hello-chart"} {
		files := packtest.Example(f, name)
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if strings.HasSuffix(path, ".yaml") {
				f.Add([]byte(files[path]))
			}
		}
	}
	for _, b := range breaches() {
		files := packtest.Pack("a", "1.0", b.opts...)
		for _, path := range []string{"values.yaml", "schema.yaml", "presets.yaml"} {
			if text, ok := files[path]; ok && len(text) < 4096 {
				f.Add([]byte(text))
			}
		}
	}
	ref := packtest.With("constraints", component("a.b.c", "all"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := string(text)
		checkReport(t, inspect(t, packtest.Pack("a", "1.0", ref,
			packtest.File("values.yaml", s), packtest.File("schema.yaml", s), packtest.File("presets.yaml", s))))
	})
}
