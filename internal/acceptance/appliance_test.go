package acceptance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette/palettetest"
	"packregistry/internal/testenv"
)

// applianceRoot is a folder that stands for a machine.
type applianceRoot struct {
	t       *testing.T
	dir     string
	answers string // path of the file
	port    string
}

// newAppliance prepares a machine: an empty root, and outside of it answers and a folder with one pack.
func newAppliance(t *testing.T, more string) *applianceRoot {
	t.Helper()
	outside := t.TempDir()
	packs := filepath.Join(outside, "packs")
	_, port, err := net.SplitHostPort(testenv.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &applianceRoot{t: t, dir: filepath.Join(outside, "root"), answers: filepath.Join(outside, "answers.yml"), port: port}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(packs, 0o755))
	must(os.WriteFile(filepath.Join(packs, "first-pack-1.0.0.zip"), packtest.PackZip("first-pack", "1.0.0"), 0o600))
	must(os.WriteFile(filepath.Join(packs, "bad-pack.zip"), []byte("no zip"), 0o600))
	must(os.WriteFile(m.answers, fmt.Appendf(nil, "names: [localhost, 127.0.0.1]\nport: %s\npacks: %s\n%s", port, packs, more), 0o600))
	t.Cleanup(func() {
		if pid := m.pid(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return m
}

// run is registry appliance VERB in the root; it returns what was printed and what was logged.
func (m *applianceRoot) run(verb string, args ...string) (out, log string, err error) {
	m.t.Helper()
	bin, err := program()
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, bin, append([]string{"appliance", verb, "--root", m.dir}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(cleanEnv(), "REGISTRY_HTTP_DRAINDELAY=0s", "REGISTRY_AUTH_BCRYPTCOST=4"), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// must is run that is to work.
func (m *applianceRoot) must(verb string, args ...string) string {
	m.t.Helper()
	out, log, err := m.run(verb, args...)
	if err != nil {
		server, _ := os.ReadFile(filepath.Join(m.dir, "var", "log", "pack-registry.log"))
		m.t.Fatalf("appliance %s: %v\n%s\n%s\nthe server:\n%s", verb, err, out, log, server)
	}
	return out
}

func (m *applianceRoot) pid() int {
	text, err := os.ReadFile(filepath.Join(m.dir, "run", "pack-registry", "registry.pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// get asks the served registry as a client that trusts the appliance's CA and nothing else.
func (m *applianceRoot) get(password, path string) (*http.Response, string) {
	m.t.Helper()
	ca, err := os.ReadFile(filepath.Join(m.dir, "etc", "pack-registry", "tls", "ca.crt"))
	if err != nil {
		m.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	req, err := http.NewRequest(http.MethodGet, "https://localhost:"+m.port+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.SetBasicAuth("admin", password)
	resp, err := client.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp, string(text)
}

var shownPassword = regexp.MustCompile(`password (\S+) \(shown only now`)

// TestAppliance takes a machine from nothing to a served registry with one command, and through what comes after.
func TestAppliance(t *testing.T) {
	m := newAppliance(t, "")
	page := m.must("init", "--answers", m.answers)
	shown := shownPassword.FindStringSubmatch(page)
	if shown == nil || !strings.Contains(page, "Health       ready") {
		t.Fatalf("the page:\n%s", page)
	}
	password := shown[1]
	if resp, text := m.get(password, "/api/v1/packs/first-pack/versions/latest"); resp.StatusCode != http.StatusOK {
		t.Fatalf("the pack: %s %s", resp.Status, text)
	}
	again := m.must("init", "--answers", m.answers)
	if !strings.HasSuffix(again, "no change\n") || strings.Contains(again, password) {
		t.Errorf("again:\n%s", again)
	}

	// The server is gone: the next run starts it, and nothing else.
	dead := m.pid()
	if err := syscall.Kill(dead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if out, _, err := m.run("status"); err == nil || !strings.Contains(out, "not ready") {
		t.Errorf("the status of a dead server: %v\n%s", err, out)
	}
	if page := m.must("init", "--answers", m.answers); !strings.HasSuffix(page, "changed:\n  service: start the server\n") || m.pid() == dead {
		t.Errorf("after a crash:\n%s", page)
	}

	// A new certificate is taken up by the running server.
	before, _ := m.get(password, "/ready")
	if out := m.must("renew"); !strings.HasPrefix(out, "no change") {
		t.Errorf("renewed without need: %s", out)
	}
	if out := m.must("renew", "--now"); !strings.HasPrefix(out, "renewed") {
		t.Errorf("not renewed: %s", out)
	}
	for after := before; after.TLS.PeerCertificates[0].Equal(before.TLS.PeerCertificates[0]); time.Sleep(20 * time.Millisecond) {
		after, _ = m.get(password, "/ready")
	}
	if out := m.must("status"); !strings.Contains(out, "Health       ready") {
		t.Errorf("the status:\n%s", out)
	}

	// Another port: the server is started anew, on the same packs and accounts.
	_, port, err := net.SplitHostPort(testenv.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	if page := m.must("init", "--answers", m.answers, "--port", port); !strings.Contains(page, "service: start the server anew") {
		t.Errorf("another port:\n%s", page)
	}
	m.port = port
	if resp, text := m.get(password, "/api/v1/packs/first-pack/versions/latest"); resp.StatusCode != http.StatusOK {
		t.Errorf("the pack on the other port: %s %s", resp.Status, text)
	}
}

// A server that cannot start is told with its reason, and what was shown then is shown again when it can.
func TestAppliancePortTaken(t *testing.T) {
	m := newAppliance(t, "")
	l, err := net.Listen("tcp", ":"+m.port)
	if err != nil {
		t.Fatal(err)
	}
	page, log, err := m.run("init", "--answers", m.answers)
	if err == nil || !strings.Contains(log, "address already in use") || !shownPassword.MatchString(page) {
		t.Errorf("%v\n%s\n%s", err, page, log)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if page := m.must("init", "--answers", m.answers); !shownPassword.MatchString(page) {
		t.Errorf("the password is lost:\n%s", page)
	}
}

// TestAppliancePalette is the product's promise: from an empty folder, with one command and one file of answers, to a served
// registry that Palette has registered, has synced and shows packs of.
func TestAppliancePalette(t *testing.T) {
	fake := palettetest.New(palettetest.Options{APIKey: "an-api-key"})
	server := httptest.NewTLSServer(fake)
	t.Cleanup(func() { fake.Close(); server.CloseClientConnections(); server.Close() })
	outside := t.TempDir()
	ca, key := filepath.Join(outside, "palette.crt"), filepath.Join(outside, "key")
	for path, text := range map[string][]byte{
		ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), key: []byte("an-api-key\n"),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := newAppliance(t, fmt.Sprintf("palette:\n  url: %s\n  name: private\n  apikeyfile: %s\n  ca: %s\n", server.URL, key, ca))
	page := m.must("init", "--answers", m.answers)
	if !strings.Contains(page, "Palette      private in "+server.URL+", synced ") {
		t.Fatalf("the page:\n%s", page)
	}
	if shown := paletteShows(t, server, "first-pack"); shown != "1.0.0" {
		t.Errorf("Palette shows %q", shown)
	}
	if page := m.must("init", "--answers", m.answers); !strings.HasSuffix(page, "no change\n") {
		t.Errorf("again:\n%s", page)
	}
	if out := m.must("status"); !strings.Contains(out, "private in "+server.URL) {
		t.Errorf("the status:\n%s", out)
	}
	for _, file := range []string{"etc/pack-registry/config.yml", "var/log/pack-registry.log"} {
		if text, err := os.ReadFile(filepath.Join(m.dir, file)); err != nil || bytes.Contains(text, []byte("an-api-key")) {
			t.Errorf("%s tells the key: %v", file, err)
		}
	}

	// A Palette that does not answer is no reason not to serve.
	lost := newAppliance(t, "palette: {url: 'https://127.0.0.1:1', apikey: x}\n")
	page, log, err := lost.run("init", "--answers", lost.answers, "--wait", "3s")
	if err == nil || !strings.Contains(log, "the server goes on trying") || !strings.Contains(page, "Health       ready") {
		t.Errorf("%v\n%s\n%s", err, page, log)
	}
}

// TestApplianceRemote sets a machine up whose packs and catalogue lie elsewhere.
func TestApplianceRemote(t *testing.T) {
	url := testenv.Postgres(t)
	s3, bucket := testenv.Bucket(t)
	m := newAppliance(t, fmt.Sprintf("database.url: %q\nstorage.s3: {endpoint: %q, region: %q, accesskey: %q, secretkey: %q, bucket: %q, forcepathstyle: true}\n",
		url, s3.URL, s3.Region, s3.AccessKey, s3.SecretKey, bucket))
	page := m.must("init", "--answers", m.answers)
	shown := shownPassword.FindStringSubmatch(page)
	if shown == nil {
		t.Fatalf("the page:\n%s", page)
	}
	if resp, text := m.get(shown[1], "/api/v1/packs/first-pack/versions/latest"); resp.StatusCode != http.StatusOK {
		t.Fatalf("the pack: %s %s", resp.Status, text)
	}
	if page := m.must("init", "--answers", m.answers); !strings.HasSuffix(page, "no change\n") {
		t.Errorf("again:\n%s", page)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "var", "lib", "pack-registry", "registry.db")); err == nil {
		t.Error("there is an embedded database as well")
	}
}

// TestApplianceForeground: as in a container, the server lives as long as the set-up, and ends with it.
func TestApplianceForeground(t *testing.T) {
	m := newAppliance(t, "")
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "appliance", "init", "--root", m.dir, "--answers", m.answers, "--foreground")
	out := &testenv.Output{}
	cmd.Env, cmd.Stdout, cmd.Stderr = append(cleanEnv(), "REGISTRY_HTTP_DRAINDELAY=0s", "REGISTRY_AUTH_BCRYPTCOST=4"), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !strings.Contains(out.String(), "Health       ready") {
		select {
		case err := <-ended:
			t.Fatalf("it has ended: %v\n%s", err, out)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || !strings.Contains(out.String(), "the registry has stopped") {
		t.Errorf("%v\n%s", err, out)
	}
}

// paletteShows are the versions of a pack of the one registry in Palette.
func paletteShows(t *testing.T, server *httptest.Server, name string) string {
	t.Helper()
	get := func(path string, into any) {
		req, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("ApiKey", "an-api-key")
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", path, resp.Status, err)
		}
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name, UID string } `json:"metadata"`
		} `json:"items"`
	}
	get("/v1/registries/oci/summary", &list)
	if len(list.Items) != 1 || list.Items[0].Metadata.Name != "private" {
		t.Fatalf("Palette has %+v", list)
	}
	var pack struct {
		Tags []struct{ Version string } `json:"tags"`
	}
	get("/v1/packs/"+name+"/registries/"+list.Items[0].Metadata.UID, &pack)
	var versions []string
	for _, tag := range pack.Tags {
		versions = append(versions, tag.Version)
	}
	return strings.Join(versions, " ")
}
