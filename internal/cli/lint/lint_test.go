package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/lint"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func linter(t *testing.T) *lint.Linter {
	t.Helper()
	l, err := lint.New()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// write puts files below a new folder named pack, and makes its parent the working directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		path := filepath.Join("pack", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return "pack"
}

func look(t *testing.T, path string) *lint.Result {
	t.Helper()
	r, err := linter(t).Lint(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// brief is a finding in one line.
func brief(r *lint.Result) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, strings.Join([]string{string(f.Severity), f.Rule, f.File, f.Pointer, strings.Repeat("|", f.Line)}, " "))
	}
	return out
}

func bad() map[string]string {
	return packtest.Pack("a", "1.0", packtest.Without("README.md"),
		packtest.File("pack.json", "{\n\"name\":\"a\",\n\"version\":\"1.0\",\n\"layer\":\"addon\",\"addonType\":\"ai\",\"cloudTypes\":[\"all\"],\n\"kubeManifests\":[\n\"gone, 100%.yaml\"]}"),
		packtest.File("values.yaml", "x: {{ .a }}\na: 1\na: 2\n"))
}

func TestDirectoryAndArchivesAreOneToTheRules(t *testing.T) {
	dir := write(t, bad())
	for name, content := range map[string][]byte{"a.zip": packtest.Zip(bad()), "b.tar.gz": packtest.TarGz(bad(), "top")} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"error packjson-required pack.json /displayName |",
		"error path-missing pack.json /kubeManifests/0 ||||||",
		"warning values-duplicate-key values.yaml /a |||",
		"info readme-missing README.md  ",
	}
	for _, path := range []string{dir, "a.zip", "b.tar.gz"} {
		r := look(t, path)
		if diff := cmp.Diff(want, brief(r)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if r.Valid || r.Name != "a" || r.Version != "1.0" {
			t.Errorf("%s: %+v", path, r)
		}
	}
}

func TestWhatIsNoPack(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"text": "no archive at all", "cut.zip": string(packtest.PackZip("a", "1.0")[:300])} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Create("large.zip"); err != nil || f.Truncate(lint.MaxArchive+1) != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		kind pack.Kind
		text string
	}{
		"text":      {pack.KindUnsupported, "neither a zip nor a tar.gz"},
		"large.zip": {pack.KindTooLarge, "at most 268435456"},
		"gone":      {pack.KindInternal, "no such file"},
		"cut.zip":   {"", ""},
		"empty":     {"", ""},
	} {
		r := look(t, path)
		if got := pack.KindOf(r.Err); r.Valid || got != want.kind || !strings.Contains(r.Problem, want.text) {
			t.Errorf("%s: %q %+v", path, got, r)
		}
		if want.kind == "" && len(r.Findings) == 0 {
			t.Errorf("%s: no finding", path)
		}
	}
}

func TestInterrupted(t *testing.T) {
	dir := write(t, bad())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := linter(t).Lint(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestRealPacksAreValid(t *testing.T) {
	l := linter(t)
	for _, path := range packtest.RealPacks(t) {
		r, err := l.Lint(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Severity == pack.SeverityError || (f.Pointer != "" && f.Line == 0) {
				t.Errorf("%s: %+v", path, f)
			}
		}
	}
}

func report(t *testing.T, form string, results ...*lint.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := lint.Write(&b, form, results, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	dir := write(t, bad())
	const want = `pack (a 1.0): 2 errors, 1 warning, 1 info
  error    packjson-required     pack/pack.json:1    "displayName" is missing; it is required
  error    path-missing          pack/pack.json:6    "gone, 100%.yaml" is listed but not in the pack; add the file or remove it from kubeManifests
  warning  values-duplicate-key  pack/values.yaml:3  the key "a" is there twice (line 3); keep one
  info     readme-missing        pack/README.md      there is no README.md; add one that says what the pack is
gone: there is no such file or directory
2 packs: 0 ok, 0 with warnings, 2 invalid
`
	got := filepath.ToSlash(report(t, "text", look(t, dir), look(t, "gone")))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGitHub(t *testing.T) {
	dir := write(t, bad())
	if err := os.WriteFile("a,b:c.zip", packtest.Zip(bad()), 0o644); err != nil {
		t.Skip("this system takes no such name")
	}
	got := report(t, "github", look(t, dir), look(t, "a,b:c.zip"), look(t, "gone"))
	for _, want := range []string{
		`::error file=pack/pack.json,line=6,title=path-missing::"gone, 100%25.yaml" is listed but not`,
		`::notice file=pack/README.md,title=readme-missing::there`,
		`::error file=a%2Cb%3Ac.zip,title=path-missing::pack.json:6: "gone, 100%25.yaml"`,
		`::error file=gone::gone: there is no such file or directory`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
}

func TestJSON(t *testing.T) {
	dir := write(t, bad())
	var got []map[string]any
	if err := json.Unmarshal([]byte(report(t, "json", look(t, dir))), &got); err != nil {
		t.Fatal(err)
	}
	first := got[0]["findings"].([]any)[0].(map[string]any)
	if got[0]["path"] != "pack" || got[0]["valid"] != false || first["rule"] != "packjson-required" || first["line"] != 1.0 {
		t.Errorf("%v", got)
	}
	if clean := report(t, "json", &lint.Result{Path: "x", Valid: true, Findings: []lint.Finding{}}); !strings.Contains(clean, `"findings": []`) {
		t.Error(clean)
	}
}

// What SARIF 2.1.0 requires of a log (its schema was held against one by hand).
func TestSARIF(t *testing.T) {
	dir := write(t, bad())
	if err := os.Rename(dir, "my pack"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.zip", packtest.Zip(bad()), 0o644); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("a.zip")
	if err != nil {
		t.Fatal(err)
	}
	type location struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           *struct{ StartLine int }
		}
		LogicalLocations []struct{ FullyQualifiedName string }
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version string
					Rules         []struct {
						ID         string
						Help       struct{ Text, Markdown string }
						Properties map[string]string
					}
				}
			}
			Invocations []struct {
				ExecutionSuccessful        *bool
				ToolExecutionNotifications []struct{ Message struct{ Text string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []location
			}
		}
	}
	if err := json.Unmarshal([]byte(report(t, "sarif", look(t, "my pack"), look(t, abs), look(t, "gone"))), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name != "spectro" || log.Runs[0].Tool.Driver.Version != "1.2.3" {
		t.Fatalf("%+v", log)
	}
	run := log.Runs[0]
	if i := run.Invocations[0]; *i.ExecutionSuccessful || len(i.ToolExecutionNotifications) != 1 {
		t.Errorf("%+v", i)
	}
	if len(run.Results) != 8 || len(run.Tool.Driver.Rules) != 4 {
		t.Fatalf("%d results of %d rules", len(run.Results), len(run.Tool.Driver.Rules))
	}
	for i, r := range run.Results {
		rule := run.Tool.Driver.Rules[r.RuleIndex]
		where := r.Locations[0].PhysicalLocation
		u, err := url.Parse(where.ArtifactLocation.URI)
		switch {
		case err != nil:
			t.Error(err)
		case rule.ID != r.RuleID || rule.Help.Text == "" || rule.Properties["documentation"] != "docs/rules.md#"+r.RuleID || r.Message.Text == "":
			t.Errorf("%+v of %+v", r, rule)
		case r.Level != "error" && r.Level != "warning" && r.Level != "note":
			t.Errorf("level %q", r.Level)
		case i < 4 && (!strings.HasPrefix(where.ArtifactLocation.URI, "my%20pack/") || u.IsAbs() || (r.Level != "note") != (where.Region != nil)):
			t.Errorf("%+v", where)
		case i >= 4 && (u.Scheme != "file" || where.Region != nil || r.Locations[0].LogicalLocations[0].FullyQualifiedName == ""):
			t.Errorf("%+v", r)
		}
	}
}
