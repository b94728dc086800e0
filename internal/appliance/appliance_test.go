package appliance

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/auth"
)

const someAnswers = "names: [packs.example.com, 10.0.0.5]\nport: 8443\npalette: {url: palette.example.com, apikey: the-palette-key}\n"

var shownPassword = regexp.MustCompile(`password (\S+) \(shown only now`)

// A machine that is set up has everything, tells the password once, and is not changed again.
func TestSetUpTwice(t *testing.T) {
	m := newMachine(t).answers(someAnswers)
	plan := m.must(func(o *Options) { o.DryRun = true })
	for _, want := range []string{"certificate: make a private CA", "for packs.example.com, 10.0.0.5", "config.yml", "administrator"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan has no %q:\n%s", want, plan)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(m.root, "etc", "pack-registry")); len(entries) != 1 {
		t.Errorf("a dry run has made something: %v", entries)
	}
	page := m.must()
	shown := shownPassword.FindStringSubmatch(page)
	if shown == nil || !auth.CheckPassword(m.product.hash, shown[1]) {
		t.Fatalf("the page does not tell the password:\n%s", page)
	}
	if !strings.Contains(page, "https://packs.example.com:8443") || !strings.Contains(m.read("etc/issue.d/pack-registry.issue"), "https://packs.example.com:8443") {
		t.Errorf("the address is not shown:\n%s", page)
	}
	before := m.tree()
	for _, secret := range []string{"etc/pack-registry/palette.key", "etc/pack-registry/tls/tls.key", "etc/pack-registry/tls/ca.key"} {
		if fi, err := os.Stat(filepath.Join(m.root, secret)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", secret, fi, err)
		}
	}
	if config := m.read("etc/pack-registry/config.yml"); strings.Contains(config, "the-palette-key") || !strings.Contains(config, "advertise: https://packs.example.com:8443") {
		t.Errorf("the configuration:\n%s", config)
	}
	if trust := m.read("etc/pack-registry/tls/palette-ca.crt"); trust != m.read("etc/pack-registry/tls/ca.crt") {
		t.Errorf("the server would not trust its own address:\n%s", trust)
	}
	again := m.must()
	if !strings.HasSuffix(again, "no change\n") || shownPassword.MatchString(again) {
		t.Errorf("the second run:\n%s", again)
	}
	if after := m.tree(); after != before || m.product.made != 1 {
		t.Errorf("the second run has changed something:\n%s\nwas\n%s", after, before)
	}
	if plan := m.must(func(o *Options) { o.DryRun = true }); plan != "no change\n" {
		t.Errorf("the plan of a third run:\n%s", plan)
	}
}

// cut ends the process, as far as the set-up can tell, at the nth line that it logs.
type cut struct {
	slog.Handler
	left *int
}

func (c cut) Handle(context.Context, slog.Record) error {
	if *c.left--; *c.left == 0 {
		panic(c)
	}
	return nil
}

func (c cut) Enabled(context.Context, slog.Level) bool { return true }

// A set-up that ends anywhere is brought to its end by the next one, and its password is told.
func TestEndsAnywhere(t *testing.T) {
	whole := newMachine(t).answers(someAnswers)
	whole.must()
	want := whole.tree()
	for n := 1; ; n++ {
		m := newMachine(t).answers(someAnswers)
		left := n
		m.handler = cut{slog.DiscardHandler, &left}
		ended := func() (ended bool) {
			defer func() {
				if r := recover(); r != nil {
					if _, ours := r.(cut); !ours {
						panic(r)
					}
					ended = true
				}
			}()
			m.must()
			return false
		}()
		if !ended {
			if n < 10 {
				t.Errorf("only %d lines were logged", n)
			}
			return
		}
		m.handler = slog.DiscardHandler
		shown := shownPassword.FindStringSubmatch(m.must())
		if shown == nil || !auth.CheckPassword(m.product.hash, shown[1]) {
			t.Errorf("after an end at line %d the password is not told", n)
		}
		if got := m.tree(); got != want {
			t.Errorf("after an end at line %d:\n%s\nwant\n%s", n, got, want)
		}
		if page := m.must(); !strings.HasSuffix(page, "no change\n") {
			t.Errorf("after an end at line %d the third run:\n%s", n, page)
		}
	}
}

// What a run leaves beside the configuration is known.
func TestNothingIsLeft(t *testing.T) {
	m := newMachine(t).answers(someAnswers)
	m.must()
	var names []string
	entries, err := os.ReadDir(filepath.Join(m.root, "etc", "pack-registry"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	// .restart goes with the start of the server, which this machine does not do.
	if want := []string{".restart", "answers.yml", "config.yml", "palette.key", "tls"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// What a person wrote or changed is not lost; what was answered anew is done.
func TestConfigurationByHand(t *testing.T) {
	const file = "etc/pack-registry/config.yml"
	m := newMachine(t)
	m.write(file, "http: {addr: ':1'}\n")
	m.refused("was not written by this command")
	overwrite := func(o *Options) { o.Overwrite = true }
	m.must(overwrite)
	if page := m.must(); !strings.HasSuffix(page, "no change\n") {
		t.Errorf("without answers:\n%s", page)
	}
	m.flags["port"] = "9443"
	if page := m.must(); !strings.Contains(page, "configuration: change") || !strings.Contains(m.read(file), "addr: :9443") {
		t.Errorf("another port:\n%s", page)
	}
	m.write(file, m.read(file)+"log: {level: debug}\n")
	if err := os.Chmod(filepath.Join(m.root, file), 0o640); err != nil {
		t.Fatal(err)
	}
	if page := m.must(); !strings.HasSuffix(page, "no change\n") || !strings.Contains(m.read(file), "debug") {
		t.Errorf("the same answers:\n%s", page)
	}
	m.flags["port"] = "9444"
	m.refused("was changed by hand")
	m.must(overwrite)
	if strings.Contains(m.read(file), "debug") {
		t.Error("--overwrite keeps the change")
	}
}

// A given hash is taken, in the form of htpasswd too; nothing is told.
func TestGivenPassword(t *testing.T) {
	hash, err := auth.HashPassword("hunter2hunter2", auth.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t).answers("admin: {passwordhash: 'admin:" + hash + "'}\nnames: localhost\n")
	if page := m.must(); shownPassword.MatchString(page) || m.product.hash != hash {
		t.Errorf("%s\n%s", m.product.hash, page)
	}
}

func TestSecondAtOnce(t *testing.T) {
	m := newMachine(t).answers(someAnswers)
	s := &setup{paths: paths{root: m.root}}
	unlock, err := s.lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m.refused("another set-up is at work")
	unlock()
	m.must()
}
