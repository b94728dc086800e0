package certs

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func make1(t *testing.T, o Options) *Result {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	r, err := Make(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verify checks a name the way a client that trusts the authority does.
func verify(t *testing.T, r *Result, name string, at time.Time) error {
	t.Helper()
	p, err := tls.LoadX509KeyPair(r.Path(CertFile), r.Path(KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(r.Path(CAFile))
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal("no authority", err)
	}
	_, err = p.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: at})
	return err
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "tls")
	r := make1(t, Options{Dir: dir, Names: []string{"10.1.2.3", "Packs.Example.com.", "[fd00::1]", "*.apps.example.com", "packs.example.com"}})
	if want := []string{"packs.example.com", "*.apps.example.com", "10.1.2.3", "fd00::1"}; !slices.Equal(r.Names, want) {
		t.Errorf("names %v", r.Names)
	}
	now := time.Now()
	for _, name := range []string{"packs.example.com", "10.1.2.3", "fd00::1", "x.apps.example.com"} {
		if err := verify(t, r, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"example.com", "10.1.2.4"} {
		if verify(t, r, name, now) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if verify(t, r, "packs.example.com", now.AddDate(0, 0, DefaultDays+1)) == nil {
		t.Error("it holds for ever")
	}
	for file, mode := range map[string]os.FileMode{CAFile: 0o644, CAKeyFile: 0o600, CertFile: 0o644, KeyFile: 0o600, PaletteFile: 0o644} {
		if fi, err := os.Stat(r.Path(file)); err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", file, fi.Mode(), err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5 {
		t.Errorf("%d files: %v %v", len(left), left, err)
	}
	chain, _ := os.ReadFile(r.Path(PaletteFile))
	cert, _ := os.ReadFile(r.Path(CertFile))
	ca, _ := os.ReadFile(r.Path(CAFile))
	if string(chain) != string(cert)+string(ca) {
		t.Error("the chain is not server and authority")
	}
}

// TestMakeAgain says when the second run changes something, and what.
func TestMakeAgain(t *testing.T) {
	dir := t.TempDir()
	first := make1(t, Options{Dir: dir, Names: []string{"one.example.com", "10.0.0.1"}})
	if !first.MadeCA || !first.MadeCertificate {
		t.Fatalf("%+v", first)
	}
	before, _ := os.ReadFile(first.Path(CertFile))
	for _, o := range []Options{{Dir: dir}, {Dir: dir, Names: []string{"10.0.0.1", "one.example.com"}}} {
		if r := make1(t, o); r.MadeCA || r.MadeCertificate || r.Reason != "" || len(r.Names) != 2 {
			t.Errorf("%+v", r)
		}
	}
	if after, _ := os.ReadFile(first.Path(CertFile)); string(after) != string(before) {
		t.Error("a run that changes nothing changed the certificate")
	}
	later := func() time.Time { return time.Now().AddDate(0, 0, DefaultDays-10) }
	for want, o := range map[string]Options{
		"renewed as asked":  {Dir: dir, Renew: true},
		"names are others":  {Dir: dir, Names: []string{"two.example.com"}},
		"the old one ends ": {Dir: dir, Now: later},
	} {
		r := make1(t, o)
		if r.MadeCA || !r.MadeCertificate || !strings.Contains(r.Reason, want) {
			t.Errorf("%s: %+v", want, r)
		}
		if err := verify(t, r, r.Names[0], r.NotAfter.Add(-time.Hour)); err != nil {
			t.Error(err)
		}
	}
	// Nothing outlives the authority.
	nearEnd := func() time.Time { return first.CAUntil.AddDate(0, 0, -5) }
	if r := make1(t, Options{Dir: dir, Now: nearEnd}); !r.NotAfter.Equal(first.CAUntil) {
		t.Errorf("to %s, the authority to %s", r.NotAfter, first.CAUntil)
	}
	if r := make1(t, Options{Dir: dir, Now: nearEnd}); r.MadeCertificate {
		t.Errorf("made again for %q", r.Reason)
	}
	if _, err := Make(Options{Dir: dir, Now: func() time.Time { return first.CAUntil }}); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("an ended authority: %v", err)
	}
}

func TestMakeRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"https://x": "without https://", "packs:443": "without a port", "a b": "no host name", "1.2.3": "neither an address", "": "no host name",
		"-a.b": "no host name", "fe80::1%eth0": "without a port", "mün.example": "xn--", "a..b": "no host name",
	} {
		dir := filepath.Join(t.TempDir(), "x")
		if _, err := Make(Options{Dir: dir, Names: []string{name}, Now: time.Now}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%q left files", name)
		}
	}
	if _, err := Make(Options{Dir: t.TempDir(), Days: 4000, Now: time.Now}); err == nil {
		t.Error("4000 days")
	}
	for _, file := range []string{CAFile, CAKeyFile, CertFile, KeyFile} {
		dir := t.TempDir()
		r := make1(t, Options{Dir: dir})
		if err := os.Chmod(r.Path(CAKeyFile), 0o644); err != nil {
			t.Fatal(err)
		}
		make1(t, Options{Dir: dir})
		if fi, _ := os.Stat(r.Path(CAKeyFile)); fi.Mode().Perm() != 0o600 {
			t.Error("a readable key stays readable")
		}
		if err := os.Remove(r.Path(file)); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(Options{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "is not") {
			t.Errorf("without %s: %v", file, err)
		}
		if err := os.WriteFile(r.Path(file), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(Options{Dir: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "no PEM") {
			t.Errorf("rubbish in %s: %v", file, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	names, err := Defaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"localhost", "127.0.0.1", "::1"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
	if _, err := normalise(names); err != nil {
		t.Error(err)
	}
}
