package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
	"packregistry/internal/testenv"
)

// sampleTree writes a small folder with the kinds of file that packs have, and
// returns it with what a reader of its archive must see of the files.
func sampleTree(t testing.TB) (string, seen) {
	t.Helper()
	dir := t.TempDir()
	want := seen{}
	for name, data := range map[string]string{
		"pack.json":                          `{"name":"sample"}`,
		"values.yaml":                        strings.Repeat("key: value\n", 5000),
		"empty":                              "",
		"charts/a-1.0.0.tgz":                 string(noise(70_000)),
		"bin/run.sh":                         "#!/bin/sh\n",
		strings.Repeat("long/", 25) + "name": "deep",
		"\u00fc/\u4e16.txt":                  "not ASCII",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(file, []byte(data), mode); err != nil {
			t.Fatal(err)
		}
		want[mark(false, mode == 0o755, name)] = hashOf(t, strings.NewReader(data))
	}
	return dir, want
}

func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(7)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// tool runs a program in dir, and ends the test where it is not installed.
func tool(t testing.TB, dir, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		testenv.Missing(t, name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PYTHONUTF8=1", "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.Bytes())
	}
	if stderr.Len() > 0 {
		t.Errorf("%s warns: %s", name, stderr.Bytes())
	}
	return stdout.Bytes()
}

// pyZip writes the current folder as a zip: to a file, to a pipe (which needs
// data descriptors), or with zip64 forced.
const pyZip = `
import os, sys, zipfile
how = sys.argv[1]
class Pipe:
    def write(self, b): return sys.stdout.buffer.write(b)
    def flush(self): sys.stdout.buffer.flush()
out = Pipe() if how != "file" else sys.stdout.buffer
import io
buf = io.BytesIO() if how in ("file", "zip64", "stored") else out
method = zipfile.ZIP_STORED if how in ("stored", "pipe-stored") else zipfile.ZIP_DEFLATED
with zipfile.ZipFile(buf, "w", method) as z:
    for root, dirs, files in os.walk("."):
        for d in dirs: z.write(os.path.join(root, d))
        for f in files:
            p = os.path.join(root, f)
            if how in ("zip64", "pipe-zip64"):
                info = zipfile.ZipInfo.from_file(p)
                info.compress_type = method
                with open(p, "rb") as src, z.open(info, "w", force_zip64=True) as dst: dst.write(src.read())
            else:
                z.write(p)
if buf is not out: sys.stdout.buffer.write(buf.getvalue())
`

// pyTar writes the current folder as a tar.gz in one of the three formats.
const pyTar = `
import sys, tarfile
fmt = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}[sys.argv[1]]
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz", format=fmt) as t: t.add(".")
`

// Archives by other programs are accepted, and hold the files they were made of.
func TestAcceptsOtherPackers(t *testing.T) {
	python := func(script string, args ...string) func(t *testing.T, dir string) []byte {
		return func(t *testing.T, dir string) []byte {
			return tool(t, dir, "python3", append([]string{"-c", script}, args...)...)
		}
	}
	run := func(name string, args ...string) func(t *testing.T, dir string) []byte {
		return func(t *testing.T, dir string) []byte { return tool(t, dir, name, args...) }
	}
	shell := func(needs, line string) func(t *testing.T, dir string) []byte {
		return func(t *testing.T, dir string) []byte {
			if _, err := exec.LookPath(needs); err != nil {
				testenv.Missing(t, needs, err)
			}
			return tool(t, dir, "sh", "-c", line)
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string) []byte
	}{
		{"Info-ZIP to a pipe", run("zip", "-q", "-r", "-", ".")},
		{"Info-ZIP to a file", shell("zip", `f=$(mktemp -d)/a.zip; zip -q -r "$f" . && cat "$f"`)},
		{"Info-ZIP without directories", shell("zip", `f=$(mktemp -d)/a.zip; zip -q -r -D -X "$f" . && cat "$f"`)},
		{"Info-ZIP updated", shell("zip", `f=$(mktemp -d)/a.zip; zip -q -r "$f" . && zip -q "$f" pack.json && cat "$f"`)},
		{"Info-ZIP with zip64 forced", shell("zip", `f=$(mktemp -d)/a.zip; zip -q -fz -r "$f" . && cat "$f"`)},
		{"Info-ZIP with a comment", shell("zip", `f=$(mktemp -d)/a.zip; echo hello | zip -q -z -r "$f" . >/dev/null && cat "$f"`)},
		{"7-Zip", shell("7z", `f=$(mktemp -d)/a.zip; 7z a -bso0 -bsp0 "$f" . && cat "$f"`)},
		{"bsdtar zip", shell("bsdtar", `f=$(mktemp -d)/a.zip; bsdtar -a -cf "$f" . && cat "$f"`)},
		{"bsdtar tar.gz", shell("bsdtar", `f=$(mktemp -d)/a.tgz; bsdtar -czf "$f" . && cat "$f"`)},
		{"Python zipfile", python(pyZip, "file")},
		{"Python zipfile stored", python(pyZip, "stored")},
		{"Python zipfile to a pipe", python(pyZip, "pipe")},
		{"Python zipfile stored to a pipe", python(pyZip, "pipe-stored")},
		{"Python zipfile with zip64", python(pyZip, "zip64")},
		{"Python zipfile with zip64 to a pipe", python(pyZip, "pipe-zip64")},
		{"Python tarfile pax", python(pyTar, "pax")},
		{"Python tarfile GNU", python(pyTar, "gnu")},
		{"GNU tar", run("tar", "-czf", "-", ".")},
		{"GNU tar of a list", shell("tar", "tar -czf - *")},
		{"GNU tar pax", run("tar", "--format=pax", "-czf", "-", ".")},
		{"GNU tar ustar", run("tar", "--format=ustar", "-czf", "-", ".")},
		{"GNU tar old GNU", run("tar", "--format=oldgnu", "-czf", "-", ".")},
		{"GNU tar numeric owner, big records", run("tar", "--numeric-owner", "-b", "200", "-czf", "-", ".")},
		{"archive/zip", goZip},
		{"archive/tar", goTar},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, want := sampleTree(t)
			b := c.make(t, dir)
			got, _, err := walkAll(b, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, onlyFiles(got)); diff != "" {
				t.Errorf("(-files +archive):\n%s", diff)
			}
		})
	}
}

func goZip(t *testing.T, dir string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func goTar(t *testing.T, dir string) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	w := tar.NewWriter(zw)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seenOnDisk is what lies in a folder.
func seenOnDisk(t testing.TB, dir string) seen {
	t.Helper()
	got := seen{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		got[mark(false, info.Mode()&modeExecute != 0, filepath.ToSlash(rel))] = hashOf(t, f)
		return f.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const pyUntar = `
import sys, tarfile
with tarfile.open(sys.argv[1], "r:gz") as t: t.extractall(sys.argv[2])
`

// Other programs unpack the layer to the files of the zip, without a warning.
func TestOthersUnpackTheLayer(t *testing.T) {
	b := oddZip()
	saw, _, err := walkAll(b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := underFolder(saw, "pack-1.0.0")
	file := filepath.Join(t.TempDir(), "layer.tar.gz")
	if err := os.WriteFile(file, readLayer(t, NewLayer(filesOf(t, b), "pack-1.0.0"), b, 0, -1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args func(dir string) []string
	}{
		{"tar", func(dir string) []string { return []string{"-xzf", file, "-C", dir} }},
		{"bsdtar", func(dir string) []string { return []string{"-xzf", file, "-C", dir} }},
		{"python3", func(dir string) []string { return []string{"-W", "ignore", "-c", pyUntar, file, dir} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			tool(t, dir, c.name, c.args(dir)...)
			if diff := cmp.Diff(want, seenOnDisk(t, dir)); diff != "" {
				t.Errorf("(-zip +unpacked):\n%s", diff)
			}
		})
	}
}

// Info-ZIP's unzip finds no fault in the zip of a tar.gz.
func TestOthersReadToZip(t *testing.T) {
	dir, want := sampleTree(t)
	tgz := goTar(t, dir)
	file := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ToZip(t.Context(), bytes.NewReader(tgz), int64(len(tgz)), DefaultLimits(), f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if format, ok := Detect(openFile(t, file)); !ok || format != pack.FormatZip {
		t.Fatalf("Detect: %s, %v", format, ok)
	}
	out := t.TempDir()
	tool(t, out, "unzip", "-q", file, "-d", out)
	if diff := cmp.Diff(want, seenOnDisk(t, out)); diff != "" {
		t.Errorf("(-files +unzip):\n%s", diff)
	}
}

func openFile(t testing.TB, name string) (*os.File, int64) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return f, info.Size()
}
