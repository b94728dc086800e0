package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// outcome is what a run of the program came to.
type outcome struct {
	code        int
	out, errors string
}

// spectro runs the program with an environment, and with a folder for its HOME.
func spectro(t *testing.T, home string, environ []string, stdin string, args ...string) outcome {
	t.Helper()
	var out, errors bytes.Buffer
	code := Run(t.Context(), Process{
		Args: args, Environ: append([]string{"HOME=" + home, "USERPROFILE=" + home}, environ...), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errors, Version: "v0", Now: time.Now,
	})
	return outcome{code, out.String(), errors.String()}
}

// house makes a HOME with files: path, text, ...
func house(t *testing.T, files ...string) string {
	t.Helper()
	home := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(home, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// listening is a registry without packs that tells as whom it was asked; "" is nobody.
func listening(t *testing.T) (addr string, who func() string) {
	t.Helper()
	last := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/api/v1/packs") {
			return
		}
		user, password, ok := r.BasicAuth()
		if ok {
			user += ":" + password
		}
		last <- user
		if user == "wrong:wrong" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"code":"unauthorized","detail":"the user name or the password is wrong"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items":[],"next":""}`)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), func() string {
		select {
		case u := <-last:
			return u
		default:
			return "not asked"
		}
	}
}

func entry(server, account string) string {
	return fmt.Sprintf(`%q:{"auth":%q}`, server, base64.StdEncoding.EncodeToString([]byte(account)))
}

// TestWhoAsks: of environment, config.json and Docker's config the first that knows an account counts, and what the
// environment says is for the server that it or the command line names.
func TestWhoAsks(t *testing.T) {
	const spectroFile, dockerFile = ".spectro/config.json", ".docker/config.json"
	addr, who := listening(t)
	url := "http://" + addr
	account := []string{"SPECTRO_USERNAME=env", "SPECTRO_PASSWORD=e"}
	both := []string{spectroFile, `{"auths":{` + entry(addr, "own:o") + `},"defaultRegistry":"` + addr + `"}`, dockerFile, `{"auths":{` + entry(addr, "docker:d") + `}}`}
	for name, c := range map[string]struct {
		files   []string
		environ []string
		args    []string
		who     string
		code    int
		says    string
	}{
		"nobody":                       {args: []string{"-r", url}, who: ""},
		"no server":                    {code: ExitUsage, who: "not asked", says: "no server is named"},
		"own":                          {files: both, who: "own:o"},
		"own, by flag":                 {files: both, args: []string{"-r", url}, who: "own:o"},
		"docker":                       {files: []string{dockerFile, `{"auths":{` + entry("https://"+addr+"/v1/", "docker:d") + `}}`}, args: []string{"-r", addr}, who: "docker:d"},
		"docker, with an empty entry":  {files: []string{spectroFile, `{"auths":{"` + addr + `":{}}}`, dockerFile, both[3]}, args: []string{"-r", addr}, who: "docker:d"},
		"environment, all":             {files: both, environ: append(account, "SPECTRO_REGISTRY_SERVER="+url), who: "env:e"},
		"environment, flag":            {files: both, environ: account, args: []string{"-r", addr}, who: "env:e"},
		"environment, the same server": {environ: append(account, "SPECTRO_REGISTRY_SERVER="+addr), args: []string{"-r", url}, who: "env:e"},
		"environment of another":       {files: both, environ: append(account, "SPECTRO_REGISTRY_SERVER=packs.test"), args: []string{"-r", addr}, who: "own:o", says: "are not used for " + addr},
		"environment, default server":  {files: both, environ: account, who: "own:o", says: "are not used for " + addr},
		"half an environment":          {environ: account[:1], args: []string{"-r", addr}, code: ExitUsage, who: "not asked", says: "belong together"},
		"an odd environment":           {environ: []string{"SPECTRO_INSECURE=maybe"}, args: []string{"-r", addr}, code: ExitUsage, who: "not asked", says: "it is true or false"},
		"another home":                 {files: append([]string{"x/config.json", `{"auths":{` + entry(addr, "x:x") + `}}`}, both...), environ: []string{"SPECTRO_HOME=$HOME/x"}, args: []string{"-r", addr}, who: "x:x"},
		"another docker":               {files: []string{"d/config.json", both[3]}, environ: []string{"DOCKER_CONFIG=$HOME/d"}, args: []string{"-r", addr}, who: "docker:d"},
		"a broken file":                {files: []string{spectroFile, `{`}, args: []string{"-r", addr}, code: ExitFailed, who: "not asked", says: "config.json is broken"},
		"a broken file of Docker's":    {files: []string{dockerFile, `{`}, args: []string{"-r", addr}, who: "", says: "going on without it"},
		"a helper that is not there":   {files: []string{dockerFile, `{"credsStore":"nobody-has-this"}`}, args: []string{"-r", addr}, who: "", says: "docker-credential-nobody-has-this"},
		"plain HTTP":                   {args: []string{"-r", "http://packs.test"}, code: ExitUsage, who: "not asked", says: "--insecure"},
		"no server's name":             {args: []string{"-r", "a b"}, code: ExitUsage, who: "not asked", says: "is no server"},
		"no namespace":                 {args: []string{"-r", addr, "--namespace", "A B"}, code: ExitUsage, who: "not asked"},
	} {
		t.Run(name, func(t *testing.T) {
			home := house(t, c.files...)
			var environ []string
			for _, e := range c.environ {
				environ = append(environ, strings.ReplaceAll(e, "$HOME", home))
			}
			got := spectro(t, home, environ, "", append([]string{"pack", "search", "x"}, c.args...)...)
			if asked := who(); got.code != c.code || asked != c.who || !strings.Contains(got.errors, c.says) {
				t.Errorf("asked by %q, ended with %d: %s", asked, got.code, got.errors)
			}
			if c.says == "" && strings.Contains(got.errors, "note:") {
				t.Errorf("it talks: %s", got.errors)
			}
		})
	}
}

// TestNoHome is a container whose environment says all that is needed.
func TestNoHome(t *testing.T) {
	addr, who := listening(t)
	got := spectro(t, "", []string{"SPECTRO_REGISTRY_SERVER=" + addr, "SPECTRO_USERNAME=env", "SPECTRO_PASSWORD=e"}, "", "pack", "search", "x")
	if asked := who(); got.code != ExitOK || asked != "env:e" {
		t.Errorf("asked by %q: %+v", asked, got)
	}
	if got := spectro(t, "", nil, "", "registry", "login", addr, "-u", "a", "-p", "b"); got.code != ExitUsage || !strings.Contains(got.errors, "--home") {
		t.Errorf("%+v", got)
	}
}

// TestHelperEndsWithItsContext: a helper that waits for somebody holds up no press of the tab key.
func TestHelperEndsWithItsContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no scripts of this kind")
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-waits"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	p := &program{Process: Process{Environ: []string{"HOME=" + house(t, ".docker/config.json", `{"credsStore":"waits"}`)}, Stderr: io.Discard}}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.connect(ctx, connection{"packs.test"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestLogin looks at who is tried and what is kept.
func TestLogin(t *testing.T) {
	addr, who := listening(t)
	const path = ".spectro/config.json"
	for name, c := range map[string]struct {
		files   []string
		environ []string
		stdin   string
		args    []string
		who     string
		code    int
		says    string
		holds   string // config.json, afterwards
		not     string
	}{
		"the first":             {args: []string{addr, "-u", "a", "-p", "b"}, who: "a:b", says: "stored unencrypted", holds: `"defaultRegistry": "` + addr + `"`},
		"the second":            {files: []string{path, `{"auths":{"x.test":{}}}`}, args: []string{addr, "-u", "a", "-p", "b"}, who: "a:b", holds: `"YTpi"`, not: "defaultRegistry"},
		"as the default":        {files: []string{path, `{"auths":{"x.test":{}},"defaultRegistry":"x.test"}`}, args: []string{addr, "-u", "a", "-p", "b", "-d"}, who: "a:b", holds: `"defaultRegistry": "` + addr + `"`},
		"insecure":              {args: []string{"http://" + addr + "/", "-i", "-u", "a", "-p", "b"}, who: "a:b", holds: `"insecure": true`},
		"secure again":          {files: []string{path, `{"auths":{"` + addr + `":{"insecure":true}}}`}, args: []string{addr, "-u", "a", "-p", "b"}, who: "a:b", holds: `"YTpi"`, not: "insecure"},
		"a line on stdin":       {args: []string{addr, "-u", "a", "--password-stdin"}, stdin: " b \r\n", who: "a: b ", holds: addr},
		"nothing on stdin":      {args: []string{addr, "-u", "a", "--password-stdin"}, stdin: "\n", who: "not asked", code: ExitUsage, says: "no password on standard input"},
		"stdin without a user":  {args: []string{addr, "--password-stdin"}, stdin: "b", who: "not asked", code: ExitUsage, says: "needs --username"},
		"two passwords":         {args: []string{addr, "-u", "a", "-p", "b", "--password-stdin"}, who: "not asked", code: ExitUsage, says: "exclude"},
		"nobody to ask":         {args: []string{addr}, who: "not asked", code: ExitUsage, says: "--password-stdin"},
		"no password":           {args: []string{addr, "-u", "a"}, who: "not asked", code: ExitUsage, says: "no terminal"},
		"a colon":               {args: []string{addr, "-u", "a:b", "-p", "b"}, who: "not asked", code: ExitUsage, says: "no colon"},
		"by the environment":    {environ: []string{"SPECTRO_USERNAME=env", "SPECTRO_PASSWORD=e"}, args: []string{addr}, who: "env:e", holds: addr},
		"user of another":       {environ: []string{"SPECTRO_USERNAME=env", "SPECTRO_PASSWORD=e"}, args: []string{addr, "-u", "a"}, who: "not asked", code: ExitUsage, says: "no terminal"},
		"environment elsewhere": {environ: []string{"SPECTRO_USERNAME=env", "SPECTRO_PASSWORD=e", "SPECTRO_REGISTRY_SERVER=x.test"}, args: []string{addr}, who: "not asked", code: ExitUsage, says: "are not used for"},
		"wrong":                 {args: []string{addr, "-u", "wrong", "-p", "wrong"}, who: "wrong:wrong", code: ExitNotAllowed, says: "the user name or the password is wrong"},
		"a broken file":         {files: []string{path, `{"auths":`}, args: []string{addr, "-u", "a", "-p", "b"}, who: "not asked", code: ExitFailed, says: "config.json is broken", holds: `{"auths":`},
		"a broken Docker":       {files: []string{".docker/config.json", `{"auths":`}, args: []string{addr, "-u", "a", "-p", "b"}, who: "not asked", code: ExitFailed, says: "is broken"},
		"a helper not there":    {files: []string{".docker/config.json", `{"credsStore":"nobody-has-this"}`}, args: []string{addr, "-u", "a", "-p", "b"}, who: "a:b", code: ExitFailed, says: "docker-credential-nobody-has-this"},
		"nobody there":          {args: []string{"127.0.0.1:1", "-u", "a", "-p", "b"}, who: "not asked", code: ExitNetwork, says: "nobody listens"},
		"plain HTTP":            {args: []string{"http://packs.test", "-u", "a", "-p", "b"}, who: "not asked", code: ExitUsage, says: "--insecure"},
		"no server":             {args: []string{"a b", "-u", "a", "-p", "b"}, who: "not asked", code: ExitUsage, says: "is no server"},
		"no argument":           {who: "not asked", code: ExitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			home := house(t, c.files...)
			got := spectro(t, home, c.environ, c.stdin, append([]string{"registry", "login"}, c.args...)...)
			if asked := who(); got.code != c.code || asked != c.who || !strings.Contains(got.errors, c.says) {
				t.Errorf("asked by %q, ended with %d: %s", asked, got.code, got.errors)
			}
			if (got.out == "Login Succeeded\n") != (c.code == ExitOK) {
				t.Errorf("it said %q", got.out)
			}
			text, err := os.ReadFile(filepath.Join(home, path))
			if (err == nil) != (c.holds != "") || !strings.Contains(string(text), c.holds) || (c.not != "" && strings.Contains(string(text), c.not)) {
				t.Errorf("config.json: %s, %v", text, err)
			}
		})
	}
}
