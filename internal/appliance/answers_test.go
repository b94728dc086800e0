package appliance

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"packregistry/internal/certs"
)

// tool writes a program that answers like vmtoolsd: questions it has no answer to end with 1.
func tool(t *testing.T, has map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n[ \"$1\" = --cmd ] || exit 2\nname=${2#info-get }\n[ -f \"" + dir + "/$name\" ] || { echo 'No value found' >&2; exit 1; }\ncat \"" + dir + "/$name\"\n"
	for name, text := range has {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "vmtoolsd")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is what vSphere hands to a guest.
func environment(properties ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" xmlns:ve="http://www.vmware.com/schema/ovfenv" oe:id="" ve:vCenterId="vm-42">
  <PlatformSection><Kind>VMware ESXi</Kind><Version>8.0.2</Version></PlatformSection>
  <PropertySection>
    <Property oe:key="hostname" oe:value="packs"/>
`)
	for i := 0; i < len(properties); i += 2 {
		fmt.Fprintf(&b, "    <Property oe:key=%q oe:value=%q/>\n", properties[i], properties[i+1])
	}
	b.WriteString("  </PropertySection>\n  <ve:EthernetAdapterSection><ve:Adapter ve:mac=\"00:50:56:00:00:01\"/></ve:EthernetAdapterSection>\n</Environment>")
	return b.String()
}

// Flags win over the file, the file over the hypervisor, single variables over a whole file of answers, and that over OVF properties.
func TestSources(t *testing.T) {
	g := &Guest{Tool: tool(t, map[string]string{
		"guestinfo.ovfEnv": environment("registry.names", "ovf.example.com", "registry.port", "1", "registry.palette_name", "ovf", "registry.palette_kind", "oci",
			"registry.storage_data", "/ovf", "registry.palette_url", ""),
		"guestinfo.registry.answers":       base64.StdEncoding.EncodeToString([]byte("port: 2\npalette: {name: answers, namespace: answers}\nstorage.data: /answers\n")),
		"guestinfo.registry.palette_name":  "variable",
		"guestinfo.registry.storage_data":  "/variable",
		"guestinfo.registry.packs":         "/variable",
		"guestinfo.registry.does_not_ask_": "x",
	})}
	file := filepath.Join(t.TempDir(), "a.yml")
	if err := os.WriteFile(file, []byte("storage:\n  data: /file\npacks: /file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Sources{Flags: map[string]string{"packs": "/flag", "port": ""}, File: file, Guest: g}
	a, err := s.collect(context.Background(), paths{root: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(a.Names, a.Port, " ", a.Palette.Name, a.Palette.Namespace, a.Palette.Kind, a.Palette.URL, a.Data, a.Packs)
	if want := "[ovf.example.com]2 variableanswersoci/file/flag"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Guest.Environment = filepath.Join(t.TempDir(), "ovf-env.xml")
	if err := os.WriteFile(s.Guest.Environment, []byte(environment("registry.database_url", "postgres://cd")), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err = s.collect(context.Background(), paths{root: t.TempDir()}, slog.New(slog.DiscardHandler)); err != nil || a.Database.URL != "postgres://cd" {
		t.Errorf("the environment of a CD: %v %v", a.Database.URL, err)
	}
}

func TestRefusesAnswers(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"prot: 1", `the answer "prot" is unknown`},
		{"names: {a: b}", `the answer "names.a" is unknown`},
		{"port: 1\nport: 2", "port is given twice"},
		{"- a", "no name"},
		{"port", "no name"},
		{"port: 1\n---\nport: 2", "a second document"},
		{"port: 1\n---\n{", "no YAML"},
		{"storage: {data: packs}", "no absolute path"},
		{"storage: {data: /}", "a folder for packs alone"},
		{"names: [[a]]", "a list of plain values"},
		{"port: http", "is no port"},
		{"port: 65536", "is no port"},
		{"tls: {mode: self}", "tls.mode: \"self\" is unknown"},
		{"tls: {mode: files}", "tls.mode: files needs"},
		{"tls: {mode: acme}", "acme needs the DNS names"},
		{"tls: {certificate: /nowhere}", "no such file"},
		{"tls: {certificate: 'bm8gUEVN'}", "tls.certificate"},
		{"admin: {passwordhash: secret}", "not a bcrypt hash"},
		{"storage: {s3: {endpoint: 'https://x'}}", "no bucket"},
		{"database: {url: mysql://x}", "postgres://"},
		{"palette: {apikey: x}", "no address of Palette"},
		{"palette: {url: p.example.com}", "Palette needs an API key"},
		{"palette: {url: p.example.com, apikey: x, apikeyfile: /x}", "given twice"},
		{"palette: {url: p.example.com, apikeyfile: /nowhere}", "no such file"},
		{"palette: {url: p.example.com, apikey: x, kind: helm}", "no kind of registry"},
		{"palette: {url: p.example.com, apikey: x}\ntls: {mode: none}", "Palette speaks HTTPS"},
		{"names: ['a b', 'https://x']", "must be a host alone"},
	} {
		newMachine(t).answers(c.text).refused(c.want)
	}
	m := newMachine(t)
	m.guest = &Guest{Tool: tool(t, map[string]string{"guestinfo.ovfEnv": environment("registry.palete_url", "x")})}
	m.refused(`"palete.url" is unknown`)
	m.guest = &Guest{Tool: tool(t, map[string]string{"guestinfo.ovfEnv": "<Environment>"})}
	m.refused("the OVF environment cannot be read")
	m.guest = nil
	m.refused("--start x is unknown", func(o *Options) { o.Start = "x" })
	m.refused("exclude each other", func(o *Options) { o.Start = StartSystemd })
}

// A file of which everything is commented out answers nothing.
func TestNoAnswers(t *testing.T) {
	for _, text := range []string{"", "\n", "# names: [packs.example.com]\n", "---\n", "null\n"} {
		if values, err := parseAnswers([]byte(text)); err != nil || len(values) != 0 {
			t.Errorf("%q: %v, %v", text, values, err)
		}
	}
}

// What a hypervisor says without an end is not kept.
func TestGuestWithoutEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmtoolsd")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec cat /dev/zero\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	g := &Guest{Tool: path}
	if _, err := g.answers(context.Background(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "more than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

// A given certificate is taken as a path, as PEM and as PEM in one line, if it is for the names.
func TestGivenCertificate(t *testing.T) {
	r, err := certs.Make(certs.Options{Dir: t.TempDir(), Names: []string{"packs.example.com"}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(r.Path(certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.answers("names: packs.example.com\ntls:\n  certificate: " + r.Path(certs.CertFile) + "\n  key: " + base64.StdEncoding.EncodeToString(key) + "\n")
	page := m.must()
	if !strings.Contains(page, "given.crt") || m.read("etc/pack-registry/tls/given.key") != string(key) {
		t.Errorf("the given pair:\n%s", page)
	}
	if page := m.must(); !strings.HasSuffix(page, "no change\n") {
		t.Errorf("again:\n%s", page)
	}
	m.flags["names"] = "other.example.com"
	m.refused("is not for other.example.com")
}

// Every answer can be a property: no dot is in its name, and the way back is the same name.
func TestQuestions(t *testing.T) {
	for _, q := range Questions() {
		if strings.ContainsAny(q.Property(), ".:") || strings.ReplaceAll(q.Property(), "_", ".") != q.Key {
			t.Errorf("%s as a property is %s", q.Key, q.Property())
		}
		if q.Secret != (q.Flag() == "") {
			t.Errorf("%s: a secret has no flag, and others have", q.Key)
		}
	}
}
