package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The variables of the documentation, and the same as a file; the API key is shown by neither.
func TestPalette(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("hunter2://key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"REGISTRY_PALETTE_URL=palette.example.com", "REGISTRY_PALETTE_NAME=my-packs", "REGISTRY_PALETTE_KIND=OCI", "REGISTRY_PALETTE_NAMESPACE=team/edge",
		"REGISTRY_PALETTE_ADVERTISE=https://packs.example.com:5000/packs/", "REGISTRY_PALETTE_CA=/ca.crt",
	}
	want := Palette{
		URL: "palette.example.com", APIKey: "hunter2://key", Name: "my-packs", Kind: "oci", Namespace: "team/edge",
		Advertise: "https://packs.example.com:5000/packs", CA: "/ca.crt",
	}
	for _, form := range []struct {
		yaml, env, file string
	}{
		{env: "REGISTRY_PALETTE_API_KEY=hunter2://key"},
		{env: "REGISTRY_PALETTE_APIKEY=hunter2://key"},
		{env: "REGISTRY_PALETTE_API_KEY_FILE=" + keyFile, file: keyFile},
		{yaml: "palette: {apikeyfile: " + keyFile + "}", file: keyFile},
		{yaml: "palette: {apikey: hunter2://key}"},
	} {
		c := mustLoad(t, form.yaml, append([]string{form.env}, env...)...)
		want.APIKeyFile = form.file
		if c.Palette != want || c.Palette.Complete(true) != nil || !c.Palette.Follows() || !c.Palette.Connects() {
			t.Errorf("%+v: %+v", form, c.Palette)
		}
		var out bytes.Buffer
		if err := c.Show(&out); err != nil || strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "namespace: team/edge") {
			t.Errorf("%v:\n%s", err, out.String())
		}
	}
	c := mustLoad(t, "", "REGISTRY_PALETTE_URL=https://p", "REGISTRY_PALETTE_USER=admin", "REGISTRY_PALETTE_SYSTEM=true", "REGISTRY_PALETTE_PASSWORD_FILE="+keyFile)
	if p := c.Palette; !p.System || p.Password != "hunter2://key" || p.Complete(false) != nil || p.Connects() {
		t.Errorf("%+v, %v", p, p.Complete(false))
	}
	for _, miss := range []struct {
		p    Palette
		want string
	}{
		{Palette{}, "palette.url is missing"},
		{Palette{URL: "p"}, "palette.apikey is missing"},
		{Palette{URL: "p", User: "u"}, "palette.password is missing"},
		{Palette{URL: "p", APIKey: "k"}, "palette.name is missing"},
		{Palette{URL: "p", APIKey: "k", Name: "n"}, "palette.advertise is missing"},
	} {
		if err := miss.p.Complete(true); err == nil || !strings.HasPrefix(err.Error(), miss.want) {
			t.Errorf("%+v: %v", miss.p, err)
		}
	}
	if err := (Palette{URL: "p", APIKey: "k"}).Complete(false); err != nil {
		t.Error(err)
	}
	// A file of two lines, or one with a word before the key: no header can carry it.
	for _, key := range []string{"hunter2\nhunter3", "key: hunter2", "hunter2\x00", "hunter2\u00a0"} {
		p := Palette{URL: "p", APIKey: key, Kind: "oci", Namespace: "default"}
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), "palette.apikey: ") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: %v", key, err)
		}
	}
}
