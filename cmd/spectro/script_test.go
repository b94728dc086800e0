package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"packregistry/internal/testenv"
)

// adminPassword is of the account admin of every server in the scripts.
const adminPassword = "a-script-password"

// registry builds the real server once for all scripts.
var registry = sync.OnceValues(testenv.BuildRegistry)

// tests removes the server's program when the scripts have ended.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	program, _ := registry()
	testenv.RemoveProgram(program)
	return code
}

// TestMain makes the program itself a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"spectro": main})
}

// TestScript runs the scripts, each with a home, a folder and a server of its own.
//
// In them $ADDR is where the command server starts the registry (127.0.0.1:PORT), $URL the same as http://$ADDR,
// $PASSWORD what its account admin has, $PACKS a folder of real packs ("" where there is none).
func TestScript(t *testing.T) {
	program, err := registry()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(program)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			addr := testenv.FreeAddr(t)
			home := filepath.Join(env.WorkDir, "home")
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			env.Setenv("HOME", home)
			if env.Getenv("GORACE") == "" {
				env.Setenv("GORACE", "atexit_sleep_ms=10") // a second for each of hundreds of processes, otherwise
			}
			env.Setenv("BIN", dir)
			env.Setenv("PATH", dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("ADDR", addr)
			env.Setenv("URL", "http://"+addr)
			env.Setenv("PASSWORD", adminPassword)
			env.Setenv("PACKS", realPacks())
			env.Setenv("REGISTRY_HTTP_ADDR", addr)
			env.Setenv("REGISTRY_ADMIN_PASSWORD", adminPassword)
			env.Setenv("REGISTRY_AUTH_BCRYPTCOST", "4")
			env.Setenv("REGISTRY_HTTP_DRAINDELAY", "0s")
			env.Setenv("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", filepath.Join(env.WorkDir, "data"))
			started := processes{}
			env.Values[running{}] = started
			env.Defer(func() {
				for name := range started {
					started.end(name)
				}
			})
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "packs":
				return realPacks() != "", nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": startServer, "ready": ready, "start": startProgram, "interrupt": interrupt, "await": await, "code": exitCode, "pack": writePack, "trust": trust, "helmpush": pushChart,
		},
	})
}

// running is where a script's processes are kept.
type running struct{}

// processes are those that a script started and that still run, by name.
type processes map[string]*exec.Cmd

func of(ts *testscript.TestScript) processes { return ts.Value(running{}).(processes) }

// start starts a program; what it writes goes to NAME.out and NAME.err, which a second one of the name goes on with.
func (p processes) start(ts *testscript.TestScript, name string, env []string, program string, args ...string) {
	if p[name] != nil {
		ts.Fatalf("%s is still running", name)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), env
	for suffix, stream := range map[string]*io.Writer{".out": &cmd.Stdout, ".err": &cmd.Stderr} {
		f, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), name+suffix), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		ts.Check(err)
		defer f.Close()
		*stream = f
	}
	ts.Check(cmd.Start())
	p[name] = cmd
}

// end interrupts a program, waits for it and gives its exit code.
func (p processes) end(name string) int {
	cmd := p[name]
	delete(p, name)
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// environ is the environment of the script. The package testscript has no function for it.
func environ(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env"))
	return strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
}

// startServer starts a registry and waits until it is ready: server. It has the script's environment, so that
// `env REGISTRY_...` before it is its configuration.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: server")
	}
	of(ts).start(ts, "server", environ(ts), filepath.Join(ts.Getenv("BIN"), "registry"), "serve")
	scheme := "http"
	if ts.Getenv("REGISTRY_HTTP_TLS_CERTIFICATE") != "" {
		scheme = "https"
	}
	ready(ts, false, []string{scheme + "://" + ts.Getenv("ADDR")})
}

// startProgram starts a program in the background: start NAME PROGRAM ARGS...
func startProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS...")
	}
	program := args[1]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, program)); err == nil {
			program = filepath.Join(dir, program)
			break
		}
	}
	of(ts).start(ts, args[0], environ(ts), program, args[2:]...)
}

// interrupt ends a program as Ctrl-C does and looks at its exit code: interrupt NAME [CODE].
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 || of(ts)[args[0]] == nil {
		ts.Fatalf("usage: interrupt NAME [CODE], of what server or start started")
	}
	if code := of(ts).end(args[0]); len(args) == 2 && fmt.Sprint(code) != args[1] {
		ts.Fatalf("%s ended with %d instead of %s", args[0], code, args[1])
	}
}

// ready waits until the server at a URL is ready: ready URL.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if resp, err := client.Get(args[0] + "/ready"); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	log, _ := os.ReadFile(filepath.Join(ts.Getenv("WORK"), "server.err"))
	ts.Fatalf("%s is not ready after a minute:\n%s", args[0], log)
}

// realPacks is the folder of real packs, "" where there is none.
func realPacks() string {
	dir := os.Getenv("PACKS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "packs")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if zips, err := filepath.Glob(filepath.Join(dir, "*.zip")); err != nil || len(zips) == 0 {
		return ""
	}
	return dir
}
