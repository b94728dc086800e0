package backup_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"packregistry/internal/backup"
	"packregistry/internal/storage/storagetest"
)

// Whatever is damaged in a backup is told before anything is written.
func TestDamagedBackup(t *testing.T) {
	e := embedded(t)
	d := e.push("one", "1.0.0")
	e.push("two", "1.0.0")
	into, f := embedded(t), newFolder(t)
	r := f.create(e)
	for name, c := range map[string]struct {
		file string // in the backup's folder; "" is the blob
		harm func([]byte) []byte
		want string
	}{
		"export, a bit":          {"catalogue.jsonl.gz", flip, "cannot be trusted: its SHA-256 is"},
		"export, cut":            {"catalogue.jsonl.gz", cutOff, "cannot be trusted: its SHA-256 is"},
		"export, longer":         {"catalogue.jsonl.gz", func(b []byte) []byte { return append(b, b...) }, "cannot be trusted: its SHA-256 is"},
		"export, gone":           {"catalogue.jsonl.gz", remove, "no such file"},
		"manifest, cut":          {"manifest.json", cutOff, "manifest.json is damaged"},
		"manifest, gone":         {"manifest.json", remove, "its manifest is missing"},
		"manifest, of another":   {"manifest.json", edit(func(m *backup.Manifest) { m.Name = "20200101T000000Z" }), `is of the backup "20200101T000000Z"`},
		"manifest, other counts": {"manifest.json", edit(func(m *backup.Manifest) { m.Rows["packs"] = 7 }), "manifest.json does not describe it"},
		"manifest, other blobs":  {"manifest.json", edit(func(m *backup.Manifest) { m.Bytes++ }), "manifest.json does not describe it"},
		"manifest, newer format": {"manifest.json", edit(func(m *backup.Manifest) { m.Format = "pack-registry-backup/2" }), "this release reads pack-registry-backup/1"},
		"manifest, newer schema": {"manifest.json", edit(func(m *backup.Manifest) { m.Schema = 1000 }), "was made by test with schema 1000, and this release knows only up to"},
		"index, cut":             {"../../pack-registry-backups.json", cutOff, "pack-registry-backups.json is damaged"},
		"index, newer":           {"../../pack-registry-backups.json", func([]byte) []byte { return []byte(`{"format":"other"}`) }, `has the format "other"`},
		"blob, a bit":            {"", flip, "of its 2 blobs 1 are not right: " + string(d) + " (its content does not match)"},
		"blob, gone":             {"", remove, "of its 2 blobs 1 are not right: " + string(d) + " (missing)"},
	} {
		t.Run(name, func(t *testing.T) {
			path := f.blob(d)
			if c.file != "" {
				path = filepath.Join(f.root, "backups", r.Name, c.file)
			}
			defer change(t, path, c.harm)()
			for _, dry := range []bool{true, false} {
				if _, err := f.restore(into, backup.RestoreOptions{DryRun: dry}); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("dry %v: %v, want %q", dry, err, c.want)
				}
			}
			into.empty()
		})
	}
	if _, err := f.restore(into, backup.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}

// A pipe in a file's place is damage, and nothing to wait for.
func TestPipeInBackup(t *testing.T) {
	e, into, f := embedded(t), embedded(t), newFolder(t)
	d := e.push("one", "1.0.0")
	r := f.create(e)
	for path, want := range map[string]string{
		f.blob(d): string(d) + " (is no regular file)",
		filepath.Join(f.root, "backups", r.Name, "catalogue.jsonl.gz"): "is no regular file",
		filepath.Join(f.root, "backups", r.Name, "manifest.json"):      "is no regular file",
	} {
		aside := filepath.Join(t.TempDir(), "aside")
		if err := errors.Join(os.Rename(path, aside), syscall.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.restore(into, backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
	}
	into.empty()
}

func edit(how func(*backup.Manifest)) func([]byte) []byte {
	return func(b []byte) []byte {
		var m backup.Manifest
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		how(&m)
		b, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return b
	}
}

// An export with lines that make no sense is told by the line, even when all sums are right.
func TestBrokenLines(t *testing.T) {
	e := embedded(t)
	e.push("one", "1.0.0")
	into, f := embedded(t), newFolder(t)
	dir := filepath.Join(f.root, "backups", f.create(e).Name)
	first := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	for want, how := range map[string]func(string) string{
		"its end is missing":       func(s string) string { return s[:strings.Index(s, `{"end"`)] },
		"comes after the last one": func(s string) string { return s + "[1]\n" },
		"is no whole number":       first(`[1,`, `[1.5,`),
		"is a list or object":      first(`[1,`, `[{},`),
		`its format is "sausages"`: first("pack-registry-catalogue/1", "sausages"),
		"line 2: a digest is":      first(`"blob":"sha256:`, `"blob":"sha1:`),
		"it counts":                first(`"rows":`, `"rows":1`),
		"invalid character":        first(`{"table"`, `{table`),
		"table \"packings\"":       first(`"packs"`, `"packings"`),
		"manifest.json does not":   first(`"schema":`, `"schema":1`),
	} {
		var sum [32]byte
		var size int64
		export := change(t, filepath.Join(dir, "catalogue.jsonl.gz"), func(b []byte) []byte {
			b = regzip(t, b, how)
			sum, size = sha256.Sum256(b), int64(len(b))
			return b
		})
		manifest := change(t, filepath.Join(dir, "manifest.json"), edit(func(m *backup.Manifest) {
			m.Catalogue = backup.File{SHA256: hex.EncodeToString(sum[:]), Size: size}
			if want == `table "packings"` {
				m.Rows["packings"] = m.Rows["packs"]
				delete(m.Rows, "packs")
			}
		}))
		if _, err := f.restore(into, backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := into.db.Vacant(t.Context()); err != nil {
			t.Error(err)
		}
		export()
		manifest()
	}
	if _, err := f.restore(into, backup.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}

func regzip(t *testing.T, b []byte, how func(string) string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, how(string(text))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A restore that failed halfway is run again. What lies wrong in the store of the lost registry is mended.
func TestRestoreAgain(t *testing.T) {
	e, f := embedded(t), newFolder(t)
	one := e.push("one", "1.0.0")
	two := e.push("two", "1.0.0")
	f.create(e)
	into := embedded(t)
	into.store.Fail(storagetest.OpPut, storagetest.Fault{Digest: two})
	if _, err := f.restore(into, backup.RestoreOptions{}); err == nil {
		t.Error("the fault went unnoticed")
	}
	if err := into.db.Vacant(t.Context()); err != nil {
		t.Error(err)
	}
	if err := readAll(t, into.store, one); err == nil {
		change(t, filepath.Join(into.root, "blobs", "sha256", one.Hex()[:2], one.Hex()), flip)
	}
	if _, err := f.restore(into, backup.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	into.clean(2)
	if _, err := f.restore(into, backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second restore: %v", err)
	}
	// The registry shares no file with its backup, which would be damaged with it.
	here, err := os.Stat(filepath.Join(into.root, "blobs", "sha256", one.Hex()[:2], one.Hex()))
	if err != nil {
		t.Fatal(err)
	}
	if there, err := os.Stat(f.blob(one)); err != nil || os.SameFile(here, there) {
		t.Errorf("one file: %v", err)
	}
}
