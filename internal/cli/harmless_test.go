package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// evil is what makes a terminal do something, in all ways there are: ESC, BEL, C1 and a turn of direction.
const evil = "evil\x1b[31m\x1b]0;title\a\u009b2J\u202e\x7f"

// rogue is a server that says evil things wherever it may say something.
func rogue(t *testing.T) string {
	t.Helper()
	finding := map[string]any{"rule": evil, "severity": evil, "file": evil, "pointer": evil, "message": evil}
	doc := func(name, version string) map[string]any {
		return map[string]any{
			"namespace": "default", "name": name, "version": version, "displayName": evil, "layer": evil, "addonType": evil, "cloudTypes": []string{evil},
			"group": evil, "eol": evil, "annotations": map[string]string{evil: evil}, "tags": []string{evil}, "digest": "sha256:" + strings.Repeat("0", 64), "contentDigest": evil,
			"message": evil, "pushedBy": evil, "pushedAt": "2026-11-22T10:00:00Z", "warnings": []any{finding}, "manifest": map[string]string{"name": name, "x": evil},
		}
	}
	answers := map[string]any{
		"/packs":                       map[string]any{"items": []any{doc(evil, evil)}, "facets": map[string]any{"layer": []any{map[string]any{"value": evil, "count": 1}}}},
		"/packs/alpha":                 map[string]any{"name": "alpha", "latest": evil, "versions": []any{doc("alpha", evil)}, "tags": []any{map[string]string{"tag": evil, "version": evil, "kind": evil}}},
		"/packs/alpha/versions/latest": doc("alpha", "1.0.0"),
		"/packs/alpha/versions/sha256:" + strings.Repeat("0", 64) + "/files": map[string]any{"files": []any{map[string]any{"path": evil, "sha256": evil}}},
		"/sync/changes": map[string]any{"cursor": evil, "changes": []any{map[string]string{"type": evil, "namespace": evil, "name": evil, "version": evil, "tag": evil, "by": evil, "at": "2026-11-22T10:00:00Z"}}},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1")
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[path]
		switch {
		case path == "/sync/catalog":
			_ = json.NewEncoder(w).Encode(doc(evil+"\nanother line", evil))
			fmt.Fprintln(w, `{"cursor":"c"}`)
			return
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"code": "pack_not_found", "detail": evil + "\nspectro: all went well", "findings": []any{finding}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestWhatAServerSaysIsShown and not done: no form of any answer holds what a terminal acts on.
func TestWhatAServerSaysIsShown(t *testing.T) {
	server, home := rogue(t), t.TempDir()
	for _, tt := range []struct {
		args string
		code int
	}{
		{"pack ls", 0},
		{"pack ls -o name", 0},
		{"pack ls -o json", 0},
		{"pack ls -o yaml", 0},
		{"pack ls --format {{.name}}{{.annotations}}", 0},
		{"pack search x --facets", 0},
		{"pack info alpha", 0},
		{"pack info alpha -o json", 0},
		{"pack info alpha -o yaml", 0},
		{"pack tag ls alpha", 0},
		{"pack pull beta here", ExitNotFound},
		{"pack delete beta --all --yes", ExitNotFound},
		{"sync watch --limit 1", 0},
		{"sync watch --limit 1 -o name", 0},
		{"sync watch --limit 1 -o json", 0},
		{"__complete pack info", 0},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := append(strings.Fields(tt.args), "-r", server)
			if args[0] == "__complete" {
				args = append(args, "")
			}
			got := spectro(t, home, nil, "", args...)
			if got.code != tt.code || !strings.Contains(got.out+got.errors, "evil") {
				t.Fatalf("%+v", got)
			}
			text := got.out + got.errors
			if strings.HasSuffix(tt.args, "yaml") {
				text = strings.ReplaceAll(text, "\u202e", "") // YAML lets it stand
			}
			for _, r := range text {
				if acts(r) && r != '\n' && (r != '\t' || args[0] != "__complete") {
					t.Fatalf("%q in %q", r, text)
				}
			}
			if n := strings.Count(got.out, "\nanother line"); n > 0 && !strings.Contains(tt.args, "--format") {
				t.Errorf("a name makes a line: %q", got.out)
			}
			if strings.Contains(got.errors, "\nspectro: all went well") {
				t.Errorf("an error makes a line: %q", got.errors)
			}
		})
	}
}

// TestJSONText: what is escaped is the same as before.
func TestJSONText(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(jsonText{&b})
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]string{"k": evil + "ä<"}); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["k"] != evil+"ä<" {
		t.Errorf("%q %v", back, err)
	}
}

// TestPlainly: JSON says more than YAML reads.
func TestPlainly(t *testing.T) {
	got, err := plainly(map[string]any{"pair": json.RawMessage(`"\ud83d\ude80"`), "del": "\x7f\u0085", "n": json.RawMessage(`[1, 12345678901234567, 1.5]`)})
	if want := map[string]any{"pair": "🚀", "del": "\x7f\u0085", "n": []any{int64(1), int64(12345678901234567), 1.5}}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v", got, err)
	}
}

// TestOnTerminal: a file keeps its lines.
func TestOnTerminal(t *testing.T) {
	var b bytes.Buffer
	if err := onTerminal(&b, strings.NewReader("a:\tä\r\n"+evil+"\n")); err != nil || b.String() != "a:\tä \nevil�[31m�]0;title��2J��\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}
