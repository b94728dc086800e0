package doctor

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"packregistry/internal/api"
	"packregistry/internal/certs"
)

func TestHealthy(t *testing.T) {
	h := newHouse(t, newFace(t, func(c *api.Config) { c.Prefix = "/packs" }), time.Now(), "localhost", "127.0.0.1")
	o := h.options()
	o.Address += "/packs/v1/"
	r := examine(t, o)
	for _, name := range []string{
		"port", "tls", "tls floor", "certificate", "names", "health", "clock", "challenge /v1", "login", "legacy catalogue", "REST search", "REST pack", "legacy logo",
		"challenge /v2", "OCI catalogue", "OCI tags", "OCI manifest", "OCI pack",
	} {
		r.want(t, name, OK)
	}
	if !r.Healthy || r.Address != h.URL+"/packs" {
		t.Errorf("healthy %v at %s", r.Healthy, r.Address)
	}
	f := r.Forms[0]
	if f.Kind != "legacy" || f.Endpoint != h.URL+"/packs" || f.Username != "palette" || f.InsecureSkipVerify {
		t.Errorf("form %+v", f)
	}
	chain, err := os.ReadFile(h.certs.Path(certs.PaletteFile))
	if err != nil || f.Certificate != string(chain) {
		t.Errorf("the PEM is not server and authority (%v):\n%s", err, f.Certificate)
	}
	f = r.Forms[1]
	if f.Kind != "oci" || f.Endpoint != h.URL || f.BasePath != "/packs" || !slices.Equal(f.BaseContentPaths, []string{"default", "team/edge"}) || f.Certificate != string(chain) {
		t.Errorf("form %+v", f)
	}
	if strings.Count(r.Text(), "BEGIN CERTIFICATE") != 2 {
		t.Error("the chain is not printed once")
	}
	// With the whole chain as trust the PEM is the same.
	o.CA = chain
	if again := examine(t, o); !again.Healthy || again.Forms[0].Certificate != string(chain) {
		t.Errorf("with the chain as CA:\n%s", again.Text())
	}
}

// TestWithoutOCI is a server, or a proxy, that has no /v2.
func TestWithoutOCI(t *testing.T) {
	h := newHouse(t, newFace(t, func(c *api.Config) { c.OCI = nil }), time.Now(), "127.0.0.1")
	r := examine(t, h.options())
	r.want(t, "challenge /v2", Skipped, "no OCI registry")
	if !r.Healthy || len(r.Forms) != 1 {
		t.Errorf("%s", r.Text())
	}
}

func TestWithoutCredentials(t *testing.T) {
	h := newHouse(t, newFace(t, func(c *api.Config) { c.Anonymous = "pull" }), time.Now(), "127.0.0.1")
	o := h.options()
	o.User, o.Password = "", ""
	r := examine(t, o)
	r.want(t, "challenge /v1", Warning, "without a password", "auth.anonymous")
	r.want(t, "login", Skipped, "--user")
	if !r.Healthy {
		t.Error("a warning fails the whole")
	}
}
