package palette_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette"
	"packregistry/internal/testenv"
)

const admin = "an-admin-password"

// registry is the real program, over TLS.
type registry struct {
	t    *testing.T
	url  string
	ca   string // its chain as PEM
	http *http.Client
}

// startRegistry builds and starts it.
func startRegistry(t *testing.T) *registry {
	t.Helper()
	dir := t.TempDir()
	bin := must(testenv.BuildRegistry())(t)
	t.Cleanup(func() { testenv.RemoveProgram(bin) })
	made := must(certs.Make(certs.Options{Dir: filepath.Join(dir, "tls"), Names: []string{"127.0.0.1"}, Now: time.Now}))(t)
	chain := must(os.ReadFile(made.Path(certs.PaletteFile)))(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	r := &registry{t: t, ca: string(chain), http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}}
	addr := testenv.FreeAddr(t)
	r.url = "https://" + addr
	log := must(os.Create(filepath.Join(dir, "log")))(t)
	cmd := exec.Command(bin, "serve")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "REGISTRY_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "REGISTRY_HTTP_ADDR="+addr, "REGISTRY_ADMIN_PASSWORD="+admin, "REGISTRY_AUTH_BCRYPTCOST=4", "REGISTRY_HTTP_DRAINDELAY=0s",
		"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+filepath.Join(dir, "data"),
		"REGISTRY_HTTP_TLS_CERTIFICATE="+made.Path(certs.CertFile), "REGISTRY_HTTP_TLS_KEY="+made.Path(certs.KeyFile))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); log.Close(); r.http.CloseIdleConnections() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := r.http.Get(r.url + "/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return r
			}
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("not ready after a minute: %v\n%s", err, text)
		}
	}
}

func (r *registry) do(method, path string, body []byte, want ...int) string {
	r.t.Helper()
	req := must(http.NewRequest(method, r.url+path, bytes.NewReader(body)))(r.t)
	req.SetBasicAuth("admin", admin)
	resp := must(r.http.Do(req))(r.t)
	defer resp.Body.Close()
	text := must(io.ReadAll(resp.Body))(r.t)
	for _, status := range want {
		if resp.StatusCode == status {
			return string(text)
		}
	}
	r.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	return ""
}

func (r *registry) push(namespace, query string, archive []byte) {
	r.t.Helper()
	r.do("POST", "/api/v1/packs?namespace="+namespace+query, archive, 200, 201)
}

// TestRealRegistry has the fake Palette read the real registry, asked for by the client.
func TestRealRegistry(t *testing.T) {
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	c.wake = func(int) { time.Sleep(5 * time.Millisecond) } // a sync takes real time
	cl := client(t, s, c, nil)
	reg := startRegistry(t)
	values := func(text string) packtest.Option { return packtest.File("values.yaml", text) }
	reg.push("default", "", packtest.PackZip("full", "1.0.0", values("a: 1\n")))
	reg.push("default", "", packtest.PackTarGz("full", "1.10.0", values("a: 2\n")))
	reg.push("default", "", packtest.PackZip("hollow", "v0.1.0", values("")))
	reg.push("team/edge", "", packtest.PackZip("edge", "2026.1", values("pack: {}\n")))

	entryOf := func(kind palette.Kind, namespace string) *palette.Entry {
		return &palette.Entry{
			Kind: kind, Name: fmt.Sprint(kind, "-", strings.ReplaceAll(namespace, "/", "-")), Endpoint: reg.url, BaseContentPath: namespace,
			Auth: palette.Auth{Username: "admin", Password: admin, Certificate: reg.ca},
		}
	}
	connect := func(kind palette.Kind, namespace string) *palette.Entry {
		e := entryOf(kind, namespace)
		if err := cl.Validate(ctx, e); err != nil {
			t.Fatal(err)
		}
		e.UID = must(cl.Create(ctx, e, true))(t)
		return e
	}
	sync := func(e *palette.Entry) {
		t.Helper()
		if st := must(cl.Run(ctx, e.Kind, e.UID, time.Second))(t); st.State != palette.StateDone || len(p.Problems(e.UID)) != 0 {
			t.Fatalf("%+v, %v", st, p.Problems(e.UID))
		}
	}
	visible := func(e *palette.Entry, name, version string, empty bool) bool {
		shown, err := cl.Pack(ctx, e.UID, name)
		if pack.IsKind(err, pack.KindNotFound) {
			return false
		}
		return must(shown, err)(t).Visible(version, empty)
	}
	main, edge, legacy := connect(palette.KindOCI, "default"), connect(palette.KindOCI, "team/edge"), connect(palette.KindPack, "default")
	for _, e := range []*palette.Entry{main, edge, legacy} {
		sync(e)
	}
	for _, x := range []struct {
		e             *palette.Entry
		name, version string
		empty, want   bool
	}{
		{main, "full", "1.0.0", false, true},
		{main, "full", "1.10.0", false, true},
		{main, "hollow", "v0.1.0", false, false},
		{main, "hollow", "v0.1.0", true, true},
		{main, "edge", "2026.1", true, false},
		{edge, "edge", "2026.1", false, true},
		{edge, "full", "1.0.0", true, false},
	} {
		if visible(x.e, x.name, x.version, x.empty) != x.want {
			t.Errorf("%s %s in %s: %v", x.name, x.version, x.e.Name, !x.want)
		}
	}
	if shown := must(cl.Pack(ctx, legacy.UID, "full"))(t); len(shown.Versions) != 0 {
		t.Errorf("the legacy kind shows %+v", shown)
	}

	// Pushed after the sync, it is seen after the next; overwritten, what was pinned stays.
	reg.push("default", "", packtest.PackZip("full", "2.0.0", values("a: 3\n")))
	if visible(main, "full", "2.0.0", false) {
		t.Error("shown before the sync")
	}
	reg.push("default", "&force=true&message=again", packtest.PackZip("full", "1.0.0", values("a: 9\n")))
	sync(main)
	if v, _ := must(cl.Pack(ctx, main.UID, "full"))(t).Version("1.0.0"); v.Values != "a: 9\n" || !visible(main, "full", "2.0.0", false) {
		t.Errorf("after the second sync: %+v", v)
	}
	if err := p.Fetch(ctx, main.UID, "full", "1.0.0"); err != nil {
		t.Errorf("what Palette has pinned is gone: %v", err)
	}
	reg.do("DELETE", "/api/v1/packs/full/versions/1.10.0", nil, 204)
	sync(main)
	if visible(main, "full", "1.10.0", true) {
		t.Error("a deleted version is still shown")
	}
	if err := p.Fetch(ctx, main.UID, "full", "1.10.0"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a deleted version, fetched again: %v", err)
	}

	// What the registry would not let in is told by Palette in words.
	wrong := entryOf(palette.KindOCI, "default")
	wrong.Auth.Password = "wrong-4715"
	if err := cl.Validate(ctx, wrong); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong-4715") {
		t.Errorf("a wrong password: %v", err)
	}
	wrong = entryOf(palette.KindOCI, "default")
	wrong.Auth.Certificate = string(certificate(s))
	if err := cl.Validate(ctx, wrong); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), "x509") {
		t.Errorf("another certificate: %v", err)
	}
	wrong.Auth.InsecureSkipVerify = true
	if err := cl.Validate(ctx, wrong); err != nil {
		t.Errorf("skip verify wins: %v", err)
	}
}
