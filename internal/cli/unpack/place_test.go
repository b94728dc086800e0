package unpack_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/cli/unpack"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// tree writes files below a folder.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// folder fills with a folder, file with a file.
func folder(work *os.Root) (string, error) {
	return "tree/pack", errors.Join(work.MkdirAll("tree/pack/sub", 0o755), work.WriteFile("tree/pack/sub/new", []byte("new"), 0o644), work.WriteFile("archive", nil, 0o600))
}

func file(work *os.Root) (string, error) { return "made", work.WriteFile("made", []byte("new"), 0o644) }

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		name    string
		there   map[string]string
		replace bool
		fill    func(*os.Root) (string, error)
		want    map[string]string
		kind    pack.Kind
	}{
		{"a folder", nil, false, folder, map[string]string{"p/sub/new": "new"}, ""},
		{"a file", nil, false, file, map[string]string{"p": "new"}, ""},
		{"beside others", map[string]string{"q": "other"}, false, file, map[string]string{"q": "other", "p": "new"}, ""},
		{"a folder in the way", map[string]string{"p/old": "old"}, false, folder, map[string]string{"p/old": "old"}, pack.KindConflict},
		{"a file in the way", map[string]string{"p": "old"}, false, file, map[string]string{"p": "old"}, pack.KindConflict},
		{"a folder replaced", map[string]string{"p/old": "old", "p/sub/new": "older"}, true, folder, map[string]string{"p/sub/new": "new"}, ""},
		{"a file replaced", map[string]string{"p": "old"}, true, file, map[string]string{"p": "new"}, ""},
		{"a file by a folder", map[string]string{"p": "old"}, true, folder, map[string]string{"p/sub/new": "new"}, ""},
		{"a folder by a file", map[string]string{"p/old": "old"}, true, file, map[string]string{"p": "new"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, dir := inside(t)
			tree(t, dir, tt.there)
			if err := unpack.Place(in, "p", tt.replace, tt.fill); (tt.kind == "" && err != nil) || (tt.kind != "" && !pack.IsKind(err, tt.kind)) {
				t.Errorf("%v", err)
			}
			if d := cmp.Diff(tt.want, packtest.Dir(t, dir)); d != "" { // hidden folders too
				t.Error(d)
			}
		})
	}
}

func TestPlaceIntoAnEmptyFolder(t *testing.T) {
	in, dir := inside(t)
	if err := os.Mkdir(filepath.Join(dir, "p"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unpack.Place(in, "p", false, folder); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(map[string]string{"p/sub/new": "new"}, packtest.Dir(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestPlaceWhereNothingCanBeWritten names the folder, not what was to be made in it.
func TestPlaceWhereNothingCanBeWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open folder cannot be removed there")
	}
	in, dir := inside(t)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := unpack.Place(in, "p", false, folder); err == nil || !strings.HasPrefix(err.Error(), "nothing can be written into "+dir+": ") {
		t.Errorf("%v", err)
	}
}

var errFill = errors.New("broken off")

func TestPlaceThatFails(t *testing.T) {
	for _, there := range []map[string]string{{}, {"p/old": "old"}} {
		in, dir := inside(t)
		tree(t, dir, there)
		err := unpack.Place(in, "p", true, func(work *os.Root) (string, error) {
			made, err := folder(work)
			return made, errors.Join(err, errFill)
		})
		if !errors.Is(err, errFill) {
			t.Errorf("%v", err)
		}
		if d := cmp.Diff(there, packtest.Dir(t, dir)); d != "" {
			t.Error(d)
		}
	}
}

// TestPlaceOfTwo: who comes second does not overwrite.
func TestPlaceOfTwo(t *testing.T) {
	in, dir := inside(t)
	err := unpack.Place(in, "p", false, func(work *os.Root) (string, error) {
		if err := unpack.Place(in, "p", false, file); err != nil {
			return "", err
		}
		return folder(work)
	})
	if !pack.IsKind(err, pack.KindConflict) {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(map[string]string{"p": "new"}, packtest.Dir(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestPlaceThatCannotMove brings back what was there.
func TestPlaceThatCannotMove(t *testing.T) {
	in, dir := inside(t)
	tree(t, dir, map[string]string{"p/old": "old"})
	if err := unpack.Place(in, "p", true, func(*os.Root) (string, error) { return "nothing", nil }); err == nil {
		t.Error("nothing was moved")
	}
	if d := cmp.Diff(map[string]string{"p/old": "old"}, packtest.Dir(t, dir)); d != "" {
		t.Error(d)
	}
}
