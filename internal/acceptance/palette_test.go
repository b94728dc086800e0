package acceptance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette/palettetest"
	"packregistry/internal/testenv"
)

// paletteTown is a registry over TLS with a Palette that shows it, and what stands between them.
type paletteTown struct {
	t       *testing.T
	b       backend
	palette *palettetest.Palette
	front   *front
	made    *certs.Result
	pool    *x509.CertPool
	env     []string // of servers, and of the verbs
	bin     string   // of spectro
	dir     string
}

// front is the one address of all replicas, as a load balancer has it.
type front struct {
	net.Listener
	mu sync.Mutex
	to string
}

func newFront(t *testing.T) *front {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go f.pass(from)
		}
	}()
	return f
}

func (f *front) pass(from net.Conn) {
	defer from.Close()
	f.mu.Lock()
	to := f.to
	f.mu.Unlock()
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer conn.Close()
	go func() { _, _ = io.Copy(conn, from); conn.Close() }()
	_, _ = io.Copy(from, conn)
}

func (f *front) lead(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

func newPaletteTown(t *testing.T, b backend) *paletteTown {
	t.Helper()
	c := &paletteTown{t: t, b: b, dir: t.TempDir(), front: newFront(t), palette: palettetest.New(palettetest.Options{APIKey: "the-api-key"})}
	at := httptest.NewTLSServer(c.palette)
	t.Cleanup(func() { c.palette.Close(); at.CloseClientConnections(); at.Close() })
	var err error
	if c.made, err = certs.Make(certs.Options{Dir: filepath.Join(c.dir, "tls"), Names: []string{"127.0.0.1", "localhost"}, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(c.made.Path(certs.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	c.pool = x509.NewCertPool()
	c.pool.AppendCertsFromPEM(own)
	files := map[string]string{"key": "the-api-key\n", "ca.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: at.Certificate().Raw}))}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.env = []string{
		"REGISTRY_HTTP_TLS_CERTIFICATE=" + c.made.Path(certs.CertFile), "REGISTRY_HTTP_TLS_KEY=" + c.made.Path(certs.KeyFile), "REGISTRY_AUTH_BCRYPTCOST=4",
		"REGISTRY_HTTP_DRAINDELAY=0s", "REGISTRY_PALETTE_URL=" + at.URL, "REGISTRY_PALETTE_API_KEY_FILE=" + filepath.Join(c.dir, "key"),
		"REGISTRY_PALETTE_CA=" + filepath.Join(c.dir, "ca.pem"), "REGISTRY_PALETTE_NAME=mine", "REGISTRY_PALETTE_ADVERTISE=https://" + c.front.Addr().String(),
	}
	c.bin = filepath.Join(c.dir, "spectro")
	build := exec.Command("go", "build", "-trimpath", "-o", c.bin, "packregistry/cmd/spectro")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return c
}

// start starts a replica.
func (c *paletteTown) start() *server {
	c.t.Helper()
	b := c.b
	if b.name == "postgres-s3" {
		b.dir = c.t.TempDir()
	}
	addr := testenv.FreeAddr(c.t)
	return startAt(c.t, b, addr, "https://"+addr, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}}, c.env...)
}

// ran is how a program ended.
type ran struct {
	code     int
	out, err string
}

func (c *paletteTown) run(env []string, program string, args ...string) ran {
	c.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(append(cleanEnv(), "HOME="+c.dir), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// verb runs registry palette.
func (c *paletteTown) verb(args ...string) ran {
	c.t.Helper()
	bin, err := program()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.run(slices.Concat([]string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + c.b.dir}, c.b.env, c.env), bin, append([]string{"palette"}, args...)...)
}

// push pushes packs that are shown within the time, by the server's own address.
func (c *paletteTown) push(s *server, timeout string, args ...string) ran {
	c.t.Helper()
	c.trust(strings.TrimPrefix(s.url, "https://"))
	env := []string{"SPECTRO_REGISTRY_SERVER=" + s.url, "SPECTRO_USERNAME=admin", "SPECTRO_PASSWORD=" + password}
	return c.run(env, c.bin, slices.Concat([]string{"pack", "push", "--wait-visible", "--wait-timeout", timeout}, args)...)
}

// trust has spectro trust the authority for a server.
func (c *paletteTown) trust(host string) {
	c.t.Helper()
	folder := filepath.Join(c.dir, ".spectro", "certs.d", host)
	own, err := os.ReadFile(c.made.Path(certs.CAFile))
	if err := errors.Join(err, os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "ca.crt"), own, 0o600)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *paletteTown) pack(name, version, values string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name+"-"+version+"-"+sum([]byte(values))[:8]+".zip")
	if err := os.WriteFile(path, packtest.PackZip(name, version, packtest.File("values.yaml", values)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (r ran) want(t *testing.T, code int, parts ...string) ran {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, p := range parts {
		if !regexp.MustCompile(p).MatchString(r.out + r.err) {
			t.Errorf("no %q in\n%s%s", p, r.out, r.err)
		}
	}
	return r
}

type paletteState struct {
	Leader      string
	Connections []struct {
		Name, UID, Kind, Namespace string
		Sync                       struct{ State, Problem string }
		Shown, Unshown             int
		LagChanges                 int64
	}
}

// connected waits until the server has made the entry by itself, and gives its UID.
func (c *paletteTown) connected(s *server) string {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var st paletteState
		s.get("/api/v1/palette", &st)
		if len(st.Connections) == 1 && st.Connections[0].UID != "" && st.Connections[0].Sync.State == "done" {
			return st.Connections[0].UID
		}
		if time.Now().After(end) {
			c.t.Fatalf("not connected after a minute: %+v\n%s", st, s.log)
		}
	}
}

// changes counts what the Palette was asked to make or change.
func (c *paletteTown) changes() (n int) {
	for _, r := range c.palette.Requests() {
		if r.Method == http.MethodPut || r.Method == http.MethodDelete || r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/oci/basic") {
			n++
		}
	}
	return n
}

// TestPalette: from its configuration a server connects itself to a Palette, which shows what is pushed, through all that
// goes wrong on the way; and all of it again by the verbs.
func TestPalette(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		t.Parallel() // most of it is waiting
		c := newPaletteTown(t, b)
		s := c.start()
		c.front.lead(strings.TrimPrefix(s.url, "https://"))
		uid := c.connected(s)
		if strings.Contains(s.log.String(), "the-api-key") {
			t.Error("the API key is in the log")
		}

		// Connecting again changes nothing.
		changes := c.changes()
		c.verb("connect").want(t, 0, "entry mine unchanged")
		if n := c.changes(); n != changes {
			t.Errorf("the second connect made %d changes", n-changes)
		}

		// What is pushed is shown, soon.
		first := c.push(s, "60s", c.pack("one", "1.0.0", "a: 1\n"), c.pack("two", "1.0.0", "a: 1\n"), c.pack("hollow", "1.0.0", ""))
		first.want(t, 0, `one:1\.0\.0 is shown by mine`, `two:1\.0\.0 is shown`, `hollow:1\.0\.0 is shown`)
		for line := range strings.Lines(first.err) {
			if strings.Contains(line, "is shown by") {
				t.Log(strings.TrimSpace(line))
			}
		}
		var v struct {
			VisibleIn []struct{ Entry, Palette, Since string }
		}
		s.get("/api/v1/packs/one/versions/1.0.0", &v)
		if len(v.VisibleIn) != 1 || v.VisibleIn[0].Entry != "mine" {
			t.Errorf("visibleIn: %+v", v.VisibleIn)
		}
		_, metrics, err := s.do(context.Background(), http.MethodGet, "/metrics", nil)
		if err != nil || !strings.Contains(string(metrics), `registry_palette_lag_changes{entry="mine"} 0`) || !strings.Contains(string(metrics), `registry_palette_versions_shown{entry="mine"} 3`) {
			t.Errorf("the metrics lack Palette: %v", err)
		}

		// A forced overwrite: the digest that Palette has pinned stays fetchable.
		c.push(s, "60s", "-f", "-m", "again", c.pack("one", "1.0.0", "a: 2\n")).want(t, 0, "replaced", `one:1\.0\.0 is shown`)
		if err := c.palette.Fetch(context.Background(), uid, "one", "1.0.0"); err != nil {
			t.Error(err)
		}

		// Palette is down: the push is there, the wait ends, the server is unharmed.
		c.palette.Fail(palettetest.Faults{Answer: slices.Repeat([]int{503}, 10_000)})
		late := c.pack("late", "1.0.0", "a: 1\n")
		c.push(s, "9s", late).want(t, 8, `late:1\.0\.0 is pushed, and after 9s not shown by mine; mine: .*503`)
		for _, path := range []string{"/ready", "/api/v1/packs/late/versions/1.0.0", "/api/v1/palette"} {
			if status, body, err := s.do(context.Background(), http.MethodGet, path, nil); err != nil || status != http.StatusOK {
				t.Errorf("%s with Palette down: %d %s %v", path, status, body, err)
			}
		}
		c.palette.Fail(palettetest.Faults{})
		c.push(s, "60s", "-f", "-m", "again", late).want(t, 0, "unchanged", `late:1\.0\.0 is shown`)
		c.verb("sync", "-o", "json").want(t, 0, `"unshown": 0`)
		c.push(s, "60s", "--namespace", "other", late).want(t, 5, "no Palette shows the namespace other")

		if b.name == "embedded" {
			c.legacy(s)
			return
		}
		// The replica that does the work dies without a word: another takes over.
		other := c.start()
		s.kill()
		c.front.lead(strings.TrimPrefix(other.url, "https://"))
		taken := c.push(other, "60s", c.pack("after", "1.0.0", "a: 1\n")).want(t, 0, `after:1\.0\.0 is shown by mine`)
		t.Log(strings.TrimSpace(taken.err))
		if n := c.changes(); n != changes {
			t.Errorf("taking over made %d changes in Palette", n-changes)
		}
	})
}

// legacy connects the other kind by hand, and disconnects all.
func (c *paletteTown) legacy(s *server) {
	t := c.t
	t.Helper()
	c.verb("connect", "--name", "old", "--kind", "pack").want(t, 0, "entry old created", "kind +pack", `shown +0 of 4 versions`)
	c.verb("connect", "--name", "old", "--kind", "pack").want(t, 0, "entry old unchanged")
	// Palette lists no versions of it, so none is said to be shown there.
	c.push(s, "2s", "-f", "-m", "again", c.pack("late", "1.0.0", "a: 1\n")).want(t, 8, `(?m)not shown by old$`)
	var st paletteState
	if err := json.Unmarshal([]byte(c.verb("status", "-o", "json").want(t, 0).out), &st); err != nil || len(st.Connections) != 2 || st.Leader == "" {
		t.Errorf("%+v, %v", st, err)
	}
	c.verb("disconnect", "old").want(t, 0, "entry old removed")
	c.verb("disconnect", "mine").want(t, 0, "entry mine removed", "still names it")
	c.verb("status").want(t, 0, "there is no connection to a Palette")
	if status, _, err := s.do(context.Background(), http.MethodGet, "/ready", nil); err != nil || status != http.StatusOK {
		t.Errorf("%d %v", status, err)
	}
	out := admin(t, c.b, "user", "list")
	if strings.Contains(out, "palette-") {
		t.Errorf("an account is left:\n%s", out)
	}
	if r := c.verb("connect", "--api-key-file", "nowhere"); r.code != 2 || !strings.Contains(r.err, "nowhere") {
		t.Errorf("%+v", r)
	}
}
