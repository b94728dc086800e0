package rules_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/pack/rules"
)

func all(t *testing.T) []rules.Rule {
	t.Helper()
	list, err := rules.All()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Every rule is explained: why it is there, and how to mend what breaks it.
func TestEveryRuleHasAText(t *testing.T) {
	list := all(t)
	known := map[string]bool{}
	for _, r := range list {
		known[r.ID] = true
	}
	for _, id := range []string{pack.RuleNameMismatch, pack.RuleVersionMismatch, pack.RuleManifestType, pack.RuleManifestLayers, pack.RuleManifestSize, pack.RuleLayer} {
		if !known[id] {
			t.Errorf("%s is explained nowhere", id)
		}
	}
	if want := len(archive.Rules()) + len(check.Rules()) + 6; len(list) != want || len(known) != want {
		t.Errorf("%d rules, %d of them different, want %d", len(list), len(known), want)
	}
	for _, r := range list {
		why, mend, ok := strings.Cut(r.Text, "\n\n**Mend:** ")
		if !ok || len(why) < 20 || len(mend) < 10 {
			t.Errorf("%s: the text does not say why and how to mend:\n%s", r.ID, r.Text)
		}
		if strings.Count(r.Text, "```")%2 != 0 {
			t.Errorf("%s: an example does not end", r.ID)
		}
	}
}

// Update is for go generate.
var update = flag.Bool("update", false, "write docs/rules.md anew")

func TestPage(t *testing.T) {
	path := filepath.Join(packtest.ModuleRoot(t), filepath.FromSlash(rules.Page))
	var page bytes.Buffer
	if err := rules.WritePage(&page, all(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.String(), string(written)); diff != "" {
		t.Errorf("%s is not what its generator writes; run: go generate ./internal/pack/rules\n%s", rules.Page, diff)
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllSubmatch(written, -1) {
		anchors[string(m[1])] = true
	}
	for _, m := range regexp.MustCompile(`\(#([^)]*)\)`).FindAllSubmatch(written, -1) {
		if !anchors[string(m[1])] {
			t.Errorf("nothing has the anchor %s", m[1])
		}
	}
}

// What the texts show as right is right.
func TestExamplesAreClean(t *testing.T) {
	checker, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(json|yaml)\n(.*?)```")
	seen := 0
	for _, r := range all(t) {
		m := blocks.FindStringSubmatch(r.Text)
		if m == nil {
			continue
		}
		seen++
		files := map[string]string{
			"logo.png": packtest.Logo(8, 8), "README.md": "x",
			"values.yaml":            "charts:\n  nginx:\n    replicas: 2\n    resources:\n      requests:\n        memory: 1Gi\n",
			"charts/nginx-1.0.0.tgz": "x",
		}
		example := strings.TrimSpace(m[2])
		manifest := `{"name":"a","displayName":"A","version":"1.0","layer":"addon","addonType":"ingress","cloudTypes":["all"]}`
		switch {
		case r.ID == "constraints-dependency":
			manifest = with(t, manifest, `{"constraints":{"dependencies":[`+example+`]}}`)
		case r.ID == "constraints-resource":
			manifest = with(t, manifest, `{"constraints":{"resources":[`+example+`]}}`)
		case m[1] == "json":
			manifest = with(t, manifest, example)
		case strings.HasPrefix(r.ID, "schema-"):
			files["schema.yaml"] = example
		case strings.HasPrefix(r.ID, "presets-"):
			files["presets.yaml"] = example
		default:
			files["values.yaml"] = example
		}
		files["pack.json"] = manifest
		zip := packtest.Zip(files)
		report, err := checker.Inspect(context.Background(), bytes.NewReader(zip), int64(len(zip)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			t.Errorf("the example of %s: %s %s: %s\n%s", r.ID, f.Rule, f.Pointer, f.Message, files["pack.json"])
		}
	}
	if seen < 10 {
		t.Errorf("%d examples, want more", seen)
	}
}

// with puts the keys of one JSON object over those of another.
func with(t *testing.T, object, keys string) string {
	t.Helper()
	merged := map[string]any{}
	for _, text := range []string{object, keys} {
		if err := json.Unmarshal([]byte(text), &merged); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	out, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
