//go:build unix

package push_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/push"
	"packregistry/internal/client"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// pushing pushes one source.
func pushing(t *testing.T, h *house, source string, change func(*push.Options)) (*push.Result, error) {
	t.Helper()
	o := push.Options{Client: h.Client}
	if change != nil {
		change(&o)
	}
	p, err := push.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Push(context.Background(), source)
}

func forced(o *push.Options) { o.Force, o.Message = true, "because" }

func TestPush(t *testing.T) {
	temporary(t)
	h := newHouse(t)
	dir := tree(t, packtest.Pack("argo-cd", "3.26.7"))
	other := tree(t, packtest.Pack("argo-cd", "3.26.7", packtest.File("README.md", "other")))
	for _, step := range []struct {
		what    string
		source  string
		change  func(*push.Options)
		status  push.Status
		fails   string // what the error says
		uploads int32
	}{
		{"dry run of a new one", dir, func(o *push.Options) { o.DryRun = true }, push.WouldPush, "", 0},
		{"a new one", dir, nil, push.Pushed, "", 1},
		{"the same without force", dir, nil, "", "already there with the same content", 0},
		{"another without force", other, nil, "", "already there with other content; give it a new version in pack.json, or replace it with --force --message", 0},
		{"dry run of another without force", other, func(o *push.Options) { o.DryRun = true }, "", "other content", 0},
		{"the same by force", dir, forced, push.Unchanged, "", 0},
		{"dry run of another by force", other, func(o *push.Options) { forced(o); o.DryRun = true }, push.WouldReplace, "", 0},
		{"the same without comparing", dir, func(o *push.Options) { forced(o); o.SkipDigestCheck = true }, push.Unchanged, "", 1},
		{"another by force", other, forced, push.Replaced, "", 1},
		{"another by force again", other, forced, push.Unchanged, "", 0},
	} {
		before := h.uploads.Load()
		r, err := pushing(t, h, step.source, step.change)
		switch {
		case step.fails != "":
			if !pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%s: the error is %v", step.what, err)
			}
		case err != nil:
			t.Errorf("%s: %v", step.what, err)
		case r.Status != step.status || r.Source != step.source || r.Label() != "argo-cd:3.26.7" || !strings.HasPrefix(r.ContentDigest, "h1:"):
			t.Errorf("%s: %+v", step.what, r)
		}
		if n := h.uploads.Load() - before; n != step.uploads {
			t.Errorf("%s: %d uploads instead of %d", step.what, n, step.uploads)
		}
	}
	v, err := h.Version(context.Background(), "argo-cd", "3.26.7")
	if err != nil || v.Revision != 2 || v.Message != "because" || v.PushedBy != "author" {
		t.Errorf("the version is %+v (%v)", v, err)
	}
}

// Archives go up byte for byte.
func TestArchives(t *testing.T) {
	temporary(t)
	h := newHouse(t)
	for form, data := range map[pack.Format][]byte{pack.FormatZip: packtest.PackZip("zipped", "1.0.0"), pack.FormatTarGz: packtest.PackTarGz("tarred", "1.0.0")} {
		file := filepath.Join(t.TempDir(), "some.name")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := pushing(t, h, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := h.Version(context.Background(), r.Name, r.Version)
		if err != nil {
			t.Fatal(err)
		}
		body, _, _, err := h.ArchiveAs(context.Background(), v, "", form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: the server has other bytes (%v)", form, err)
		}
	}
}

// A bad pack is told before the server is asked for anything.
func TestBadPack(t *testing.T) {
	temporary(t)
	h := newHouse(t)
	for what, c := range map[string]struct {
		files map[string]string
		rule  string
	}{
		"no values":    {packtest.Pack("bad", "1.0.0", packtest.Without("values.yaml")), "values-missing"},
		"no pack.json": {packtest.Pack("bad", "1.0.0", packtest.Without("pack.json")), "packjson-missing"},
	} {
		_, err := pushing(t, h, tree(t, c.files), nil)
		var known *pack.Error
		if !errors.As(err, &known) || known.Kind != pack.KindBadPack || len(known.Findings) == 0 || known.Findings[0].Rule != c.rule {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("this is no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pushing(t, h, file, nil); !pack.IsKind(err, pack.KindUnsupported) {
		t.Errorf("the error is %v", err)
	}
	for _, source := range []string{file + "-none", os.DevNull} {
		if _, err := pushing(t, h, source, nil); !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), source) {
			t.Errorf("%s: the error is %v", source, err)
		}
	}
	if n := h.requests.Load(); n > 0 {
		t.Errorf("the server got %d requests", n)
	}
}

func TestWarnings(t *testing.T) {
	h := newHouse(t)
	var told []string
	_, err := pushing(t, h, tree(t, packtest.Pack("odd", "1.0.0", packtest.Without("logo.png"), packtest.Without("README.md"))), func(o *push.Options) {
		o.Warn = func(_ string, odd []pack.Finding) {
			for _, f := range odd {
				told = append(told, f.Rule)
			}
		}
	})
	if diff := cmp.Diff([]string{"logo-missing"}, told); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// While we look and upload, somebody else may publish.
func TestRaces(t *testing.T) {
	ours := packtest.Pack("raced", "1.0.0")
	theirs := packtest.PackZip("raced", "1.0.0", packtest.File("README.md", "theirs"))
	publish := func(t *testing.T, h *house, data []byte) {
		p := client.Publication{Archive: bytes.NewReader(data), Size: int64(len(data)), Format: pack.FormatZip}
		if _, _, err := h.Publish(context.Background(), p); err != nil {
			t.Error(err)
		}
	}
	for name, c := range map[string]struct {
		namespace string
		other     []byte // what comes between the question and the upload
		lost      bool   // the answer to the upload gets lost
		status    push.Status
		fails     bool
	}{
		"other content":                  {other: theirs, fails: true},
		"other content, no force needed": {other: theirs, namespace: "loose", fails: true},
		"the same content":               {other: packtest.Zip(ours), status: push.Pushed},
		"a lost answer":                  {lost: true, status: push.Pushed},
	} {
		t.Run(name, func(t *testing.T) {
			temporary(t)
			h := newHouse(t)
			if c.namespace != "" {
				h.Client = h.In(c.namespace)
			}
			h.guard(func(w http.ResponseWriter, r *http.Request, in http.Handler) {
				if r.Method != http.MethodPost {
					in.ServeHTTP(w, r)
					return
				}
				h.door.Store(nil)
				if c.other != nil {
					publish(t, h, c.other)
				}
				if c.lost {
					in.ServeHTTP(&deaf{header: http.Header{}}, r)
					panic(http.ErrAbortHandler)
				}
				in.ServeHTTP(w, r)
			})
			r, err := pushing(t, h, tree(t, ours), nil)
			switch {
			case c.fails && (!pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), "already there with other content")):
				t.Errorf("the error is %v", err)
			case !c.fails && (err != nil || r.Status != c.status || r.Revision != 1 || r.Digest == ""):
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// deaf takes an answer that nobody gets.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}

// Two sources of one call that are the same version would overwrite each other.
func TestSameVersionTwice(t *testing.T) {
	h := newHouse(t)
	p, err := push.New(push.Options{Client: h.Client, Force: true, Message: "m"})
	if err != nil {
		t.Fatal(err)
	}
	a, b := tree(t, packtest.Pack("twin", "1.0.0")), tree(t, packtest.Pack("twin", "1.0.0", packtest.File("README.md", "x")))
	if _, err := p.Push(context.Background(), a); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Push(context.Background(), b); !pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), a+" is twin:1.0.0 as well") {
		t.Errorf("the error is %v", err)
	}
}

// An upload that is interrupted ends, and leaves no file behind.
func TestInterrupted(t *testing.T) {
	temporary(t)
	h := newHouse(t)
	ctx, interrupt := context.WithCancel(context.Background())
	p, err := push.New(push.Options{Client: h.Client, Upload: func(string, int64) func(int64) { return func(int64) { interrupt() } }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Push(ctx, tree(t, packtest.Pack("stopped", "1.0.0"))); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// TestPushWhatIsNoArchive: people name pack.json where the directory is meant.
func TestPushWhatIsNoArchive(t *testing.T) {
	temporary(t)
	source := filepath.Join(tree(t, packtest.Pack("argo-cd", "3.26.7")), "pack.json")
	if _, err := pushing(t, newHouse(t), source, nil); !pack.IsKind(err, pack.KindUnsupported) || !strings.Contains(err.Error(), source+" is no archive of a pack; name the pack's directory") {
		t.Errorf("%v", err)
	}
}
