package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/gif"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
)

// inspect runs the checker on a zip of the files.
func inspect(tb testing.TB, files map[string]string) *check.Report {
	tb.Helper()
	return inspectBytes(tb, packtest.Zip(files))
}

func inspectBytes(tb testing.TB, archive []byte) *check.Report {
	tb.Helper()
	r, err := checker(tb).Inspect(context.Background(), bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

type opts = []packtest.Option

// raw replaces pack.json by text.
func raw(text string) packtest.Option { return packtest.File("pack.json", text) }

// breach is a pack that breaks a rule, and where the finding points.
type breach struct {
	rule, file, pointer string
	opts                opts
}

func file(rule, path, content string) breach {
	return breach{rule, path, "", opts{packtest.File(path, content)}}
}

func key(rule, key string, value any) breach {
	return breach{rule, "pack.json", "/" + key, opts{packtest.With(key, value)}}
}

func manifest(rule, pointer, text string) breach {
	return breach{rule, "pack.json", pointer, opts{raw(text)}}
}

const minimal = `"name":"a","displayName":"A","version":"1.0","layer":"csi","cloudTypes":["all"]`

func list(n int) []string { return strings.Split(strings.Repeat("all ", n-1)+"all", " ") }

func dependency(fields map[string]any) any {
	d := map[string]any{"packName": "kubernetes", "layer": "k8s", "type": "optional", "minVersion": "1.28", "maxVersion": ""}
	for k, v := range fields {
		d[k] = v
	}
	return map[string]any{"dependencies": []any{d}}
}

func resource(r map[string]any) any { return map[string]any{"resources": []any{r}} }

func encoded(encode func(*bytes.Buffer, image.Image) error) string {
	var b bytes.Buffer
	if err := encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		panic(err)
	}
	return b.String()
}

// hugePNG is a PNG that claims a size it does not have; only its header counts.
func hugePNG() string { return packtest.Logo(8193, 1) }

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		p, n := string(rune('a'+i-1)), string(rune('a'+i))
		if i == 1 {
			p = "a0"
		}
		b.WriteString(n + ": &" + n + " [" + strings.TrimSuffix(strings.Repeat("*"+p+", ", 10), ", ") + "]\n")
	}
	return b.String()
}

func breaches() []breach {
	deepJSON := `{` + minimal + `,"x":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`
	deepYAML := "a: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "\n"
	gifLogo := encoded(func(b *bytes.Buffer, i image.Image) error { return gif.Encode(b, i, nil) })
	jpegLogo := encoded(func(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) })
	preset := "presets:\n  - name: a\n    displayName: A\n    group: G\n    remove: []\n    add: |\n      a: 1\n"
	entry := func(template string) string { return "pack.namespace:\n  schema: '" + template + "'\n" }
	return []breach{
		{"packjson-missing", "", "", opts{packtest.Without("pack.json")}},
		{"packjson-missing", "", "", opts{packtest.Without("pack.json"), packtest.File("a/pack.json", "{"+minimal+"}")}},
		file("packjson-size", "pack.json", `{`+minimal+`,"x":"`+strings.Repeat("x", 1<<20)+`"}`),
		file("packjson-utf8", "pack.json", "{\"name\":\"\xff\"}"),
		file("packjson-utf8", "pack.json", `{`+minimal+`,"x":"\ud800"}`),
		file("packjson-utf8", "pack.json", `{`+minimal+`,"x":"\ud83d\ude00\udc00"}`),
		file("packjson-syntax", "pack.json", `{`+minimal+`,}`),
		file("packjson-syntax", "pack.json", `{`+minimal+`} {}`),
		file("packjson-syntax", "pack.json", `[]`),
		file("packjson-syntax", "pack.json", ``),
		file("packjson-depth", "pack.json", deepJSON),
		manifest("packjson-duplicate-key", "/name", `{`+minimal+`,"name":"b"}`),
		manifest("packjson-duplicate-key", "/x/1/a~1b", `{`+minimal+`,"x":[0,{"a/b":1,"a\u002fb":2}]}`),
		manifest("packjson-case-key", "/Name", `{`+minimal+`,"Name":"b"}`),
		manifest("packjson-nul", "/x", `{`+minimal+`,"x":"a\u0000b"}`),
		key("packjson-required", "name", nil),
		key("packjson-required", "displayName", " "),
		key("packjson-required", "version", ""),
		key("packjson-required", "layer", nil),
		key("packjson-type", "version", 1.5),
		key("packjson-type", "cloudTypes", "all"),
		key("packjson-type", "group", nil2()),
		{"packjson-type", "pack.json", "/annotations/a", opts{packtest.With("annotations", map[string]any{"a": true})}},
		key("packjson-layer", "layer", "addons"),
		key("packjson-length", "displayName", strings.Repeat("é", 257)),
		key("packjson-control", "displayName", "a\u001bb"),
		key("packjson-control", "displayName", "a\u202eb"),
		{"packjson-control", "pack.json", "/annotations/k", opts{packtest.Annotation("k", "bell\a")}},
		key("packjson-too-many", "cloudTypes", list(1001)),
		{"packjson-too-many", "pack.json", "/unknown/a~1b", opts{packtest.With("unknown", map[string]any{"a/b": list(1001)})}},
		{"packjson-too-many", "pack.json", "", opts{packtest.With("unknown", slices.Repeat([]any{list(1000)}, 51))}},
		{"packjson-constraints", "pack.json", "/constraints", opts{packtest.With("constraints", []any{})}},
		{"packjson-constraints", "pack.json", "/constraints/resources/0/minLimit", opts{packtest.With("constraints", resource(map[string]any{"type": "cpu", "minLimit": "1"}))}},
		key("packjson-name", "name", "Upper"),
		key("packjson-name", "name", "a/b"),
		key("packjson-version", "version", "1.0+2"),
		key("packjson-version", "version", "1.x"),
		key("packjson-version", "version", "latest"),
		key("packjson-version", "version", "1..2"),
		key("packjson-version", "version", "1__2"),
		key("packjson-group", "group", "a b"),
		key("packjson-group", "group", strings.Repeat("g", 126)),

		{"values-missing", "values.yaml", "", opts{packtest.Without("values.yaml")}},
		file("values-size", "values.yaml", strings.Repeat("# 345678901234567890123456789012\n", 1<<18)),
		file("values-utf8", "values.yaml", "a: \xff\n"),
		file("values-yaml", "values.yaml", "a: [\n"),
		file("values-yaml", "values.yaml", "a: {{ .x }}: {{ .y }}\n"),
		file("values-mapping", "values.yaml", "- a\n"),
		file("values-mapping", "values.yaml", "a: 1\n---\nb: 2\n"),
		file("values-mapping", "values.yaml", "text\n"),
		file("values-bomb", "values.yaml", aliasBomb()),
		file("values-bomb", "values.yaml", deepYAML),
		file("values-bomb", "values.yaml", "a: &a [*a]\n"),
		file("values-bomb", "values.yaml", "a: ["+strings.Repeat("1,", 100_000)+"1]\n"),
		file("values-empty", "values.yaml", ""),
		file("values-empty", "values.yaml", "# only a comment\n"),
		{"values-duplicate-key", "values.yaml", "/a/b", opts{packtest.File("values.yaml", "a:\n  b: 1\n  b: 2\n")}},

		{"path-blank", "pack.json", "/charts/1", opts{packtest.With("charts", []string{"manifests/app.yaml", " "})}},
		{"path-url", "pack.json", "/charts/0", opts{packtest.With("charts", []string{"https://example.com/a.tgz"})}},
		{"path-url", "pack.json", "/charts/0", opts{packtest.With("charts", []string{"oci:a/b"})}},
		{"path-escape", "pack.json", "/charts/0", opts{packtest.With("charts", []string{"a/../../b.tgz"})}},
		{"path-escape", "pack.json", "/kubeManifests/0", opts{packtest.With("kubeManifests", []string{"/etc/passwd"})}},
		{"path-escape", "pack.json", "/ansibleRoles/0", opts{packtest.With("ansibleRoles", []string{`roles\a`})}},
		{"path-missing", "pack.json", "/charts/0", opts{packtest.With("charts", []string{"charts/a-1.0.tgz"})}},
		{"path-missing", "pack.json", "/ansibleRoles/0", opts{packtest.With("ansibleRoles", []string{"roles/a"})}},
		{"path-directory", "pack.json", "/charts/0", opts{packtest.With("charts", []string{"charts/a-b-1.0-rc.1.tgz"}), packtest.File("charts/a-b/Chart.yaml", "x")}},
		{"path-directory", "pack.json", "/kubeManifests/0", opts{packtest.With("kubeManifests", []string{"manifests"})}},

		file("logo-format", "logo.png", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
		file("logo-format", "logo.png", ""),
		file("logo-dimensions", "logo.png", hugePNG()),
		file("logo-type", "logo.png", gifLogo),
		file("logo-type", "logo.png", jpegLogo),
		{"logo-missing", "logo.png", "", opts{packtest.Without("logo.png")}},

		file("schema-binary", "schema.yaml", "a\x00b"),
		file("schema-binary", "schema.yaml", "\xff\xfe"),
		file("schema-binary", "schema.yaml", strings.Repeat("#", 1<<20+1)),
		file("schema-bomb", "schema.yaml", aliasBomb()),
		file("schema-odd", "schema.yaml", "a: ["),
		file("schema-odd", "schema.yaml", "- a\n"),
		file("schema-odd", "schema.yaml", "# nothing\n"),
		{"schema-odd", "schema.yaml", "/a.b", opts{packtest.File("schema.yaml", "a.b: {}\n")}},
		{"schema-odd", "schema.yaml", "/pack.namespace/schema", opts{packtest.File("schema.yaml", entry(`{{ format "${input}" }}`))}},
		file("presets-binary", "presets.yaml", "\x00"),
		file("presets-bomb", "presets.yaml", deepYAML),
		{"presets-bomb", "presets.yaml", "/presets/0/add", opts{packtest.File("presets.yaml", strings.Replace(preset, "a: 1", "a: &a [*a]", 1))}},
		{"presets-odd", "presets.yaml", "/presets", opts{packtest.File("presets.yaml", "other: 1\n")}},
		{"presets-odd", "presets.yaml", "/presets/0", opts{packtest.File("presets.yaml", "presets: [1]\n")}},
		{"presets-odd", "presets.yaml", "/presets/0/group", opts{packtest.File("presets.yaml", strings.Replace(preset, "group: G", "other: G", 1))}},
		{"presets-odd", "presets.yaml", "/presets/0/remove", opts{packtest.File("presets.yaml", strings.Replace(preset, "remove: []", "remove: x", 1))}},
		{"presets-odd", "presets.yaml", "/presets/0/add", opts{packtest.File("presets.yaml", strings.Replace(preset, "a: 1", "a: [", 1))}},
		{"presets-odd", "presets.yaml", "/presets/0/add", opts{packtest.File("presets.yaml", strings.Replace(preset, "a: 1", "- a", 1))}},
		{"presets-odd", "presets.yaml", "/presets/1/name", opts{packtest.File("presets.yaml", preset+strings.TrimPrefix(preset, "presets:\n"))}},

		file("file-bom", "values.yaml", "\ufeffa: 1\n"),
		file("file-bom", "pack.json", "\ufeff{"+minimal+"}"),
		key("cloudtypes-missing", "cloudTypes", nil),
		{"cloudtypes-unknown", "pack.json", "/cloudTypes/1", opts{packtest.With("cloudTypes", []string{"aws", "cumulus"})}},
		key("cloudtypes-unknown", "cloudType", "cumulus"),
		key("addontype-missing", "addonType", nil),
		key("addontype-unknown", "addonType", "toy"),
		key("version-v", "version", "v1.0"),
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/type", opts{packtest.With("constraints", dependency(map[string]any{"type": ""}))}},
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/type", opts{packtest.With("constraints", dependency(map[string]any{"type": "wanted"}))}},
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/packName", opts{packtest.With("constraints", dependency(map[string]any{"packName": ""}))}},
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/layer", opts{packtest.With("constraints", dependency(map[string]any{"layer": "cake"}))}},
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/minVersion", opts{packtest.With("constraints", dependency(map[string]any{"minVersion": ">=1"}))}},
		{"constraints-dependency", "pack.json", "/constraints/dependencies/0/maxVersion", opts{packtest.With("constraints", dependency(map[string]any{"maxVersion": "1.9"}))}},
		{"constraints-resource", "pack.json", "/constraints/resources/0/type", opts{packtest.With("constraints", resource(map[string]any{"type": "gpu", "minLimit": 1}))}},
		{"constraints-resource", "pack.json", "/constraints/resources/0/minLimit", opts{packtest.With("constraints", resource(map[string]any{"type": "cpu"}))}},
		{"constraints-resource", "pack.json", "/constraints/resources/0/minLimit", opts{packtest.With("constraints", resource(map[string]any{"type": "cpu", "minLimit": -1}))}},
		{"constraints-resource", "pack.json", "/constraints/resources/0/components/0/scheduleType", opts{packtest.With("constraints", component("pack.namespace", "anyone"))}},
		{"constraints-reference", "pack.json", "/constraints/resources/0/components/0/resourceRequestParamRef", opts{packtest.With("constraints", component("pack.nothing", "all"))}},
		{"readme-missing", "README.md", "", opts{packtest.Without("README.md")}},
	}
}

// nil2 is JSON null, which With alone would take as removal.
func nil2() any { return json.RawMessage("null") }

func component(ref, schedule string) any {
	return resource(map[string]any{"type": "cpu", "components": []any{map[string]any{"scheduleType": schedule, "resourceRequestParamRef": ref}}})
}

// The pack that the breaches start from has nothing to complain of.
func TestCleanPack(t *testing.T) {
	if r := inspect(t, packtest.Pack("a", "1.0")); len(r.Findings) != 0 {
		t.Errorf("%+v", r.Findings)
	}
}

// Every rule of the table is broken by at least one pack, which is refused only by an error.
func TestEveryRuleFinds(t *testing.T) {
	severity := map[string]pack.Severity{}
	for _, r := range check.Rules() {
		if _, twice := severity[r.ID]; twice || r.About == "" || r.Severity == "" {
			t.Errorf("the rule %+v is there twice or incomplete", r)
		}
		severity[r.ID] = r.Severity
	}
	broken := map[string]bool{}
	for _, b := range breaches() {
		broken[b.rule] = true
		if _, known := severity[b.rule]; !known {
			t.Errorf("%s is not in the table", b.rule)
			continue
		}
		r := inspect(t, packtest.Pack("a", "1.0", b.opts...))
		var found bool
		for _, f := range r.Findings {
			if f.Severity == pack.SeverityError && severity[b.rule] != pack.SeverityError {
				t.Errorf("%s: also an error: %+v", b.rule, f)
			}
			found = found || (f.Rule == b.rule && f.File == b.file && f.Pointer == b.pointer && f.Severity == severity[b.rule] && f.Message != "")
		}
		if !found {
			t.Errorf("%s %s: not found in %+v", b.rule, b.pointer, r.Findings)
		}
		if r.Valid() != (severity[b.rule] != pack.SeverityError) {
			t.Errorf("%s: valid is %v", b.rule, r.Valid())
		}
	}
	for id := range severity {
		if !broken[id] {
			t.Errorf("no pack breaks %s", id)
		}
	}
}

// What looks odd but is allowed.
func TestAllowed(t *testing.T) {
	for name, o := range map[string]opts{
		"blank group and eol":     {packtest.With("group", " "), packtest.With("eol", " ")},
		"unknown keys":            {packtest.With("commit_msg", "x"), packtest.With("x", map[string]any{"y": []any{1, nil}})},
		"escaped characters":      {raw(`{` + minimal + `,"x":"\ud83d\ude00 \\ud800 \u00e9"}`)},
		"empty lists":             {packtest.With("charts", []string{}), packtest.With("ansibleRoles", []string{})},
		"a path with ./":          {packtest.With("kubeManifests", []string{"./manifests/app.yaml"})},
		"a role directory":        {packtest.With("ansibleRoles", []string{"roles/a"}), packtest.File("roles/a/tasks/main.yml", "x")},
		"macros":                  {packtest.File("values.yaml", "a: {{ .spectro.var.A }}\n{{ .b }}: \"{{ default \"}}\" .c }}\"\nd:\n  {{ .block }}\n")},
		"a macro of many lines":   {packtest.File("values.yaml", "a: {{ `x\ny: [` }}\nb: 1\n")},
		"an open brace":           {packtest.File("values.yaml", "a: \"{{ not closed\"\n")},
		"aliases":                 {packtest.File("values.yaml", "a: &a {b: 1}\nc: *a\nd:\n  <<: *a\n")},
		"document marks":          {packtest.File("values.yaml", "---\na: 1\n...\n")},
		"a nested pack.json":      {packtest.File("examples/pack.json", "nonsense")},
		"annotation with lines":   {packtest.Annotation("description", "one\ntwo\tthree\r\n")},
		"a line as maximum":       {packtest.With("constraints", dependency(map[string]any{"maxVersion": "1.30.x"}))},
		"a reference to a list":   {packtest.With("constraints", component("pack.list[0].cpu", "master"))},
		"a key with dots":         {packtest.With("constraints", component("pack.a.b/c.d", "worker")), packtest.File("values.yaml", "pack:\n  a.b/c:\n    d: 1\n")},
		"a reference via a merge": {packtest.With("constraints", component("pack.cpu", "all")), packtest.File("values.yaml", "x: &x {cpu: 1}\npack:\n  <<: *x\n")},
		"displayName of 256":      {packtest.With("displayName", strings.Repeat("é", 256))},
		"a readme in small":       {packtest.Without("README.md"), packtest.File("readme.md", "x")},
	} {
		if r := inspect(t, packtest.Pack("a", "1.0", o...)); len(r.Findings) != 0 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
}
