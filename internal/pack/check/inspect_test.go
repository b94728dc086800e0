package check_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// The same files give the same report, whatever the archive around them.
func TestFormsAgree(t *testing.T) {
	files := packtest.Example(t, "hello-manifest")
	want := inspectBytes(t, packtest.Zip(files))
	if len(want.Findings) != 0 || want.Format != pack.FormatZip || want.Root != "" {
		t.Fatalf("%+v", want)
	}
	for name, archive := range map[string][]byte{
		"tar.gz":           packtest.TarGz(files, ""),
		"tar.gz in folder": packtest.TarGz(files, "hello-manifest-1.2.0"),
		"zip in folder":    packtest.Zip(packtest.In("folder", files)),
		"zip with folder":  packtest.Zip(withDirs(packtest.In("folder", files), "folder/", "folder/manifests/")),
		"reversed":         reversedZip(t, packtest.In("folder", files)),
	} {
		got := inspectBytes(t, archive)
		if len(got.Findings) != 0 {
			t.Errorf("%s: %+v", name, got.Findings)
		}
		if got.ContentDigest != want.ContentDigest || got.Unpacked != want.Unpacked || got.Readme != want.Readme {
			t.Errorf("%s: %s %d, want %s %d", name, got.ContentDigest, got.Unpacked, want.ContentDigest, want.Unpacked)
		}
		if diff := cmp.Diff(want.Metadata, got.Metadata); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(names(want.Files), names(got.Files)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if inFolder := strings.Contains(name, "folder") || name == "reversed"; (got.Root != "") != inFolder {
			t.Errorf("%s: root %q", name, got.Root)
		}
	}
}

func withDirs(files map[string]string, dirs ...string) map[string]string {
	out := maps.Clone(files)
	for _, d := range dirs {
		out[d] = ""
	}
	return out
}

// reversedZip has its entries in falling order of their paths, pack.json late.
func reversedZip(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	order := slices.Sorted(maps.Keys(files))
	slices.Reverse(order)
	for _, name := range order {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func names(files []pack.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path+" "+f.SHA256)
	}
	return out
}

// The content digest is what golang.org/x/mod makes of the same files.
func TestContentDigestIsHash1(t *testing.T) {
	for _, files := range []map[string]string{
		packtest.Pack("a", "1.0"),
		packtest.Example(t, "hello-manifest"),
		packtest.Pack("a", "1.0", packtest.File("ä/Z", "x"), packtest.File("a b", ""), packtest.File("manifests-x", "y")),
	} {
		want, err := dirhash.Hash1(slices.Collect(maps.Keys(files)), func(name string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(files[name])), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := inspect(t, files).ContentDigest; got != want {
			t.Errorf("content digest %s, want %s", got, want)
		}
	}
}

func TestMetadata(t *testing.T) {
	files := packtest.Example(t, "hello-chart")
	r := inspect(t, files)
	rules := []string{}
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	if diff := cmp.Diff([]string{"path-directory", "version-v"}, rules); diff != "" {
		t.Error(diff)
	}
	want := pack.Metadata{
		Name: "hello-chart", Version: "v0.3", DisplayName: "Hello Chart", Layer: "csi",
		CloudTypes: []string{"vsphere", "edge-native"}, Group: "LTS",
		Annotations: map[string]string{"source": "spectrocloud", "system_state": "deprecated"},
		Manifest:    []byte(strings.TrimSpace(files["pack.json"])),
	}
	if diff := cmp.Diff(want, r.Metadata); diff != "" {
		t.Error(diff)
	}
	if !r.Metadata.Deprecated() || r.Metadata.Source() != "spectrocloud" {
		t.Errorf("%+v", r.Metadata)
	}
	if r.Readme != files["README.md"] {
		t.Errorf("readme %q", r.Readme)
	}
	// With its chart packed, only the version is left to complain of.
	files["charts/hello-chart-0.3.0.tgz"] = string(packtest.TarGz(packtest.Dir(t, packtest.ModuleRoot(t)+"/testdata/packs/hello-chart/charts/hello-chart"), "hello-chart"))
	if r := inspect(t, files); len(r.Findings) != 1 || r.Findings[0].Rule != "version-v" {
		t.Errorf("%+v", r.Findings)
	}
}

func TestCloudTypesAreJoined(t *testing.T) {
	r := inspect(t, packtest.Pack("a", "1.0", packtest.With("cloudTypes", []string{"aws", " aws", "maas", ""}), packtest.With("cloudType", "gcp")))
	if diff := cmp.Diff([]string{"aws", "maas", "gcp"}, r.Metadata.CloudTypes); diff != "" {
		t.Error(diff)
	}
}

// A pack.json at the root makes the root the pack, also beside a folder with one.
func TestRootWins(t *testing.T) {
	files := packtest.Pack("a", "1.0")
	maps.Copy(files, packtest.In("b", packtest.Pack("b", "2.0")))
	if r := inspect(t, files); r.Root != "" || r.Metadata.Name != "a" || len(r.Findings) != 0 {
		t.Errorf("%q %q %+v", r.Root, r.Metadata.Name, r.Findings)
	}
	for name, extra := range map[string]string{"a file": "note.txt", "a folder": "__MACOSX/x"} {
		files := packtest.In("b", packtest.Pack("b", "2.0"))
		files[extra] = "x"
		if r := inspect(t, files); r.Valid() || r.Findings[0].Rule != "packjson-missing" || !strings.Contains(r.Findings[0].Message, "b/pack.json") {
			t.Errorf("beside %s: %+v", name, r.Findings)
		}
	}
}

// All that is wrong is told at once.
func TestSeveralFindings(t *testing.T) {
	r := inspect(t, packtest.Pack("A", "1.x",
		packtest.With("layer", "cake"), packtest.With("charts", []string{"a.tgz", ""}), packtest.Without("values.yaml"), packtest.Without("logo.png")))
	rules := map[string]bool{}
	for _, f := range r.Findings {
		rules[f.Rule] = true
	}
	for _, want := range []string{"packjson-name", "packjson-version", "packjson-layer", "path-missing", "path-blank", "values-missing", "logo-missing"} {
		if !rules[want] {
			t.Errorf("no %s in %+v", want, r.Findings)
		}
	}
	if last := r.Findings[len(r.Findings)-1]; last.Severity == pack.SeverityError {
		t.Errorf("errors come first: %+v", r.Findings)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	r := inspect(t, packtest.Pack("a", "1.0", packtest.With("cloudTypes", strings.Fields(strings.Repeat("x y z ", 300))), packtest.With("charts", list(900)), packtest.Without("values.yaml")))
	if len(r.Findings) != 100 || !slices.ContainsFunc(r.Findings, func(f pack.Finding) bool { return f.Severity == pack.SeverityError }) {
		t.Errorf("%d findings", len(r.Findings))
	}
}

// A refused archive is a report; what could be read of it is checked as well, but nothing is called missing.
func TestRefusedArchive(t *testing.T) {
	archive := packtest.Zip(packtest.Pack("Bad", "1.0", packtest.File("zz.txt", "first"), packtest.File("ZZ.txt", "second")))
	r := inspectBytes(t, archive)
	if r.Valid() || !strings.HasPrefix(r.Findings[0].Rule, "archive-") || r.ContentDigest != "" {
		t.Errorf("%+v", r)
	}
	for _, f := range r.Findings {
		if strings.HasSuffix(f.Rule, "-missing") {
			t.Errorf("called missing: %+v", f)
		}
	}
}

func TestNotThePacksFault(t *testing.T) {
	c := checker(t)
	archive := packtest.PackZip("a", "1.0")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := c.Inspect(ctx, bytes.NewReader(archive), int64(len(archive))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", r, err)
	}
	if r, err := c.Inspect(context.Background(), strings.NewReader("not an archive"), 14); !pack.IsKind(err, pack.KindUnsupported) {
		t.Errorf("no archive: %v, %v", r, err)
	}
	broken := errors.New("disk on fire")
	if r, err := c.Inspect(context.Background(), failingReader{bytes.NewReader(archive), broken}, int64(len(archive))); !errors.Is(err, broken) {
		t.Errorf("reading fails: %v, %v", r, err)
	}
}

// failingReader cannot read the byte in its middle.
type failingReader struct {
	io.ReaderAt
	err error
}

func (f failingReader) ReadAt(p []byte, off int64) (int, error) {
	if off <= 300 && off+int64(len(p)) > 300 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadmeIsBoundedText(t *testing.T) {
	r := inspect(t, packtest.Pack("a", "1.0", packtest.File("README.md", "a\x00b"+strings.Repeat("é", 40_000))))
	if len(r.Readme) > 64<<10 || !strings.HasPrefix(r.Readme, "abé") || strings.ContainsRune(r.Readme, '\uFFFD') {
		t.Errorf("%d bytes, %q", len(r.Readme), r.Readme[:10])
	}
}

// Memory does not grow with the archive: 32 MiB go through less than eight.
func TestMemoryIsBounded(t *testing.T) {
	files := packtest.Pack("a", "1.0", packtest.With("charts", []string{"charts/a.tgz"}), packtest.File("charts/a.tgz", strings.Repeat("\x00\x01", 16<<20)))
	for name, archive := range map[string][]byte{"zip": packtest.Zip(files), "tar.gz": packtest.TarGz(files, "a")} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := inspectBytes(t, archive)
		runtime.ReadMemStats(&after)
		if !r.Valid() || r.Unpacked < 32<<20 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
			t.Errorf("%s: allocated %d bytes in all", name, used)
		}
	}
}
