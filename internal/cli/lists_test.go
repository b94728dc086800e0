package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// empty is a registry without packs. Its pages never end when endless is set.
func empty(t *testing.T, endless bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/sync/catalog"):
			fmt.Fprint(w, `{"cursor":"c"}`)
		case endless:
			fmt.Fprint(w, `{"items":[],"next":"more"}`)
		default:
			fmt.Fprint(w, `{"items":[]}`)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestNothingToList says why, for the namespace may be the wrong one; programs are told nothing.
func TestNothingToList(t *testing.T) {
	server, home := empty(t, false), t.TempDir()
	for args, want := range map[string]string{
		"pack ls":                        "There is no pack in the namespace default.\n",
		"pack ls -n nginx --namespace *": "There is no pack in any namespace whose name begins with \"nginx\".\n",
		"pack ls -o json":                "",
		"pack ls -o name":                "",
		"pack ls --format {{.name}}":     "",
	} {
		got := spectro(t, home, nil, "", append(strings.Fields(args), "-r", server)...)
		if got.code != ExitOK || got.errors != want {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestPagesWithoutEnd(t *testing.T) {
	got := spectro(t, t.TempDir(), nil, "", "pack", "search", "-r", empty(t, true))
	if got.code != ExitNetwork || !strings.Contains(got.errors, "empty pages") {
		t.Errorf("%+v", got)
	}
}

// TestBrokenLogin: one that cannot be understood does not hide the others.
func TestBrokenLogin(t *testing.T) {
	home := house(t, ".spectro/config.json", `{"auths":{"a.test":{"auth":"YTpi"},"b.test":{"auth":"%"}},"defaultRegistry":"a.test"}`)
	got := spectro(t, home, nil, "", "registry", "ls")
	if want := "a.test  a     config.json  no        yes\nb.test  -     broken       no        no\n"; got.code != ExitOK || !strings.HasSuffix(got.out, want) || !strings.Contains(got.errors, "auth of b.test") {
		t.Errorf("%+v", got)
	}
}

// TestVersionFlag: many try the flag first.
func TestVersionFlag(t *testing.T) {
	want := spectro(t, "", nil, "", "version")
	for _, flag := range []string{"--version", "-v"} {
		if got := spectro(t, "", nil, "", flag); got != want || want.code != ExitOK || !strings.HasPrefix(want.out, "Spectro ClI Version 0 ") {
			t.Errorf("%s: %+v", flag, got)
		}
	}
}
