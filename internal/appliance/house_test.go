package appliance

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// product is a registry in memory: what the real one does is tried in internal/acceptance.
type product struct {
	hash string
	made int
}

func (p *product) HasAccounts(context.Context, string) (bool, error) { return p.hash != "", nil }

func (p *product) MakeAdmin(_ context.Context, _, hash string) error {
	if p.hash == "" {
		p.hash = hash
		p.made++
	}
	return nil
}

func (p *product) Publish(context.Context, string, string, bool) (int, error) { return 0, nil }

// machine is a root folder with answers, and what runs there have said.
type machine struct {
	t       *testing.T
	root    string
	product *product
	handler slog.Handler
	guest   *Guest
	flags   map[string]string
}

func newMachine(t *testing.T) *machine {
	return &machine{t: t, root: t.TempDir(), product: &product{}, handler: slog.DiscardHandler, flags: map[string]string{}}
}

// answers writes the file that is read when none is named.
func (m *machine) answers(text string) *machine {
	m.t.Helper()
	m.write("etc/pack-registry/answers.yml", text)
	return m
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *machine) options(out *bytes.Buffer) Options {
	return Options{
		Root: m.root, Sources: Sources{Flags: m.flags, Guest: m.guest}, Start: StartNone, Version: "test", Product: m.product,
		Now: time.Now, Out: out, Log: slog.New(m.handler), Environ: []string{"REGISTRY_AUTH_BCRYPTCOST=4"},
	}
}

// init sets the machine up and returns the page.
func (m *machine) init(change ...func(*Options)) (string, error) {
	m.t.Helper()
	var out bytes.Buffer
	o := m.options(&out)
	for _, c := range change {
		c(&o)
	}
	err := Init(context.Background(), o)
	return out.String(), err
}

// must is init that is to work.
func (m *machine) must(change ...func(*Options)) string {
	m.t.Helper()
	page, err := m.init(change...)
	if err != nil {
		m.t.Fatal(err)
	}
	return page
}

// refused is init that is to fail with a text.
func (m *machine) refused(want string, change ...func(*Options)) {
	m.t.Helper()
	_, err := m.init(change...)
	if err == nil || !strings.Contains(err.Error(), want) {
		m.t.Errorf("got %v, want an error with %q", err, want)
	}
}

// tree is all files of the machine with their modes; contents of those that are the same in every run.
func (m *machine) tree() string {
	m.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(m.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(fi.Mode().String() + " " + strings.TrimPrefix(path, m.root) + "\n")
		if strings.HasSuffix(path, "config.yml") {
			b.WriteString(strings.ReplaceAll(m.read(strings.TrimPrefix(path, m.root)), m.root, "ROOT"))
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	text := b.String()
	if at := strings.Index(text, headSum); at >= 0 { // the sum is of paths of this folder
		text = text[:at] + text[at+len(headSum)+64:]
	}
	return text
}
