package acceptance

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"packregistry/internal/pack/packtest"
)

// archive is one pack to upload, with what a client can know of it.
type archive struct {
	data                       []byte
	digest                     string
	name, version, displayName string
	files                      map[string]string // path to sha256
}

// packSet is the folder of real packs where there is one (PACKS_DIR, or shared/packs
// beside the checkout), else a set made up here.
func packSet(t *testing.T) []archive {
	t.Helper()
	dir := os.Getenv("PACKS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "packs")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	var set []archive
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, describe(t, data))
	}
	if len(set) == 0 {
		t.Logf("no packs in %s: using made-up ones", dir)
		for i := range 12 {
			for v := range 3 {
				set = append(set, made(t, fmt.Sprintf("pack-%c%c", 'a'+i, 'q'+v), fmt.Sprintf("%d.%d.0", i, v), "made up"))
			}
		}
	}
	return set
}

// made is a small valid pack; salt makes its content its own.
func made(t *testing.T, name, version, salt string) archive {
	t.Helper()
	files := packtest.Pack(name, version)
	files["salt.txt"] = salt
	return describe(t, packtest.Zip(files))
}

func describe(t *testing.T, data []byte) archive {
	t.Helper()
	a := archive{data: data, digest: "sha256:" + sum(data), files: map[string]string{}}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		a.files[f.Name] = sum(b)
		if f.Name == "pack.json" {
			var m struct{ Name, Version, DisplayName string }
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			a.name, a.version, a.displayName = m.Name, m.Version, m.DisplayName
		}
	}
	if a.name == "" {
		t.Fatal("an archive of the set has no pack.json at its root")
	}
	return a
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// typo swaps two letters inside the longest word of a name; "" when no word has five letters.
func typo(name string) string {
	words := strings.Split(name, "-")
	sort.SliceStable(words, func(i, j int) bool { return len(words[i]) > len(words[j]) })
	w := []byte(words[0])
	if len(w) < 5 {
		return ""
	}
	for i := 1; i+1 < len(w); i++ {
		if w[i] != w[i+1] {
			w[i], w[i+1] = w[i+1], w[i]
			return strings.Replace(name, words[0], string(w), 1)
		}
	}
	return ""
}
