package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// filesOf are the files of an accepted zip.
func filesOf(t testing.TB, b []byte) []pack.File {
	t.Helper()
	var files []pack.File
	_, err := Walk(context.Background(), bytes.NewReader(b), int64(len(b)), DefaultLimits(), func(e *Entry, _ io.Reader) error {
		if !e.Dir {
			files = append(files, pack.File{
				Path: e.Path, Size: e.Size, Executable: e.Executable,
				Offset: e.Offset, Compressed: e.Compressed, Method: e.Method, CRC32: e.CRC32,
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// rangeOf serves ranges of b, counts them and fails on those outside of b.
func rangeOf(b []byte, opened *int) ZipRange {
	return func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		*opened++
		if offset < 0 || length <= 0 || offset+length > int64(len(b)) {
			return nil, errors.New("a range outside of the zip")
		}
		return io.NopCloser(bytes.NewReader(b[offset : offset+length])), nil
	}
}

func readLayer(t testing.TB, l *Layer, zip []byte, offset, length int64) []byte {
	t.Helper()
	opened := 0
	r, err := l.Open(context.Background(), offset, length, rangeOf(zip, &opened))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("range %d+%d: %v", offset, length, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if opened > 1 {
		t.Fatalf("the zip was opened %d times", opened)
	}
	return b
}

// oddZip has stored, deflated, empty, long, deep, executable and non-ASCII members
// and stored ones of more than a block.
func oddZip() []byte {
	for _, c := range hostileCases() {
		if c.Name == "zip/lawful/all kinds" {
			return c.Bytes
		}
	}
	panic("the case is gone")
}

// underFolder is what the files of a zip are below a top folder.
func underFolder(s seen, folder string) seen {
	out := seen{}
	for k, v := range s {
		if k[0] != 'd' {
			out[k[:2]+folder+"/"+k[2:]] = v
		}
	}
	return out
}

func onlyFiles(s seen) seen {
	out := seen{}
	for k, v := range s {
		if k[0] != 'd' {
			out[k] = v
		}
	}
	return out
}

func TestLayerHoldsTheSameFiles(t *testing.T) {
	zips := map[string][]byte{"odd": oddZip()}
	for _, c := range hostileCases() {
		// The folder makes the longest and the deepest path one too long.
		if c.Rule == "" && strings.HasPrefix(c.Name, "zip/") && !strings.HasSuffix(c.Name, "est path") {
			zips[c.Name] = c.Bytes
		}
	}
	for name, b := range zips {
		checkLayer(t, name, b, "pack-1.0.0")
	}
}

func TestLayerOfRealPacks(t *testing.T) {
	for i, file := range packtest.RealPacks(t) {
		if i%4 != 0 {
			continue // a quarter of them has all kinds
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkLayer(t, filepath.Base(file), b, strings.TrimSuffix(filepath.Base(file), ".zip"))
	}
}

// checkLayer compares the layer with its zip, by Walk and by archive/tar.
func checkLayer(t *testing.T, name string, b []byte, folder string) {
	t.Helper()
	want, _, err := walkAll(b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	l := NewLayer(filesOf(t, b), folder)
	out := readLayer(t, l, b, 0, -1)
	if int64(len(out)) != l.Size() {
		t.Fatalf("%s: %d bytes, Size is %d", name, len(out), l.Size())
	}
	got, format, err := walkAll(out, DefaultLimits())
	if err != nil || format != pack.FormatTarGz {
		t.Fatalf("%s: Walk: %s, %v", name, format, err)
	}
	if diff := cmp.Diff(underFolder(want, folder), onlyFiles(got)); diff != "" {
		t.Errorf("%s: Walk (-zip +layer):\n%s", name, diff)
	}
	if diff := cmp.Diff(got, stdTar(t, out)); diff != "" {
		t.Errorf("%s: (-Walk +archive/tar):\n%s", name, diff)
	}
}

// stdTar is what archive/tar sees in a tar.gz.
func stdTar(t testing.TB, b []byte) seen {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("gzip: %v", err)
	}
	tr := tar.NewReader(zr)
	got := seen{}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("archive/tar: %v", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		p := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
		if p == "" || p == "." {
			continue
		}
		dir := h.Typeflag == tar.TypeDir
		if !dir && h.Typeflag != tar.TypeReg {
			t.Fatalf("archive/tar: %s is of type %q", h.Name, h.Typeflag)
		}
		key := mark(dir, !dir && h.Mode&modeExecute != 0, p)
		if _, twice := got[key]; twice {
			t.Fatalf("archive/tar sees %s twice", key)
		}
		got[key] = hashOf(t, tr)
	}
	if _, err := io.Copy(io.Discard, zr); err != nil {
		t.Fatalf("gzip: %v", err)
	}
	return got
}

// The bytes are published under their digest, so they must never change.
func TestLayerBytesAreFixed(t *testing.T) {
	b := oddZip()
	files := filesOf(t, b)
	out := readLayer(t, NewLayer(files, "pack-1.0.0"), b, 0, -1)
	for i, j := 0, len(files)-1; i < j; i, j = i+1, j-1 {
		files[i], files[j] = files[j], files[i]
	}
	if again := readLayer(t, NewLayer(files, "pack-1.0.0"), b, 0, -1); !bytes.Equal(out, again) {
		t.Error("the order of the files given changes the bytes")
	}
	// A layer of stored files alone depends on no compressor at all.
	stored := []byte("hello")
	f := []pack.File{{Path: "a/b.txt", Size: 5, Offset: 0, Compressed: 5, CRC32: 0x3610a686}}
	sum := sha256.Sum256(readLayer(t, NewLayer(f, "p"), stored, 0, -1))
	const want = "2e655dc1723ea8f4c5dd4f81cd27ae339d6812118e5154de6a1149b79a090a04"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the layer's SHA-256 is %s, it was %s", got, want)
	}
}

func TestLayerRanges(t *testing.T) {
	b := oddZip()
	l := NewLayer(filesOf(t, b), "pack-1.0.0")
	whole := readLayer(t, l, b, 0, -1)
	rapid.Check(t, func(rt *rapid.T) {
		offset := rapid.Int64Range(0, l.Size()).Draw(rt, "offset")
		length := rapid.Int64Range(-1, l.Size()+10).Draw(rt, "length")
		end := l.Size()
		if length >= 0 {
			end = min(end, offset+length)
		}
		if got := readLayer(t, l, b, offset, length); !bytes.Equal(got, whole[offset:end]) {
			rt.Fatalf("the range %d+%d differs", offset, length)
		}
	})
	if _, err := l.Open(context.Background(), l.Size()+1, 1, nil); !pack.IsKind(err, pack.KindInvalid) {
		t.Errorf("a range behind the end: %v", err)
	}
}

func TestLayerTellsOfAShortZip(t *testing.T) {
	b := oddZip()
	l := NewLayer(filesOf(t, b), "p")
	r, err := l.Open(context.Background(), 0, -1, func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[offset : offset+length/2])), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !pack.IsKind(err, pack.KindCorrupt) {
		t.Errorf("err = %v, want KindCorrupt", err)
	}
	boom := errors.New("boom")
	r, err = l.Open(context.Background(), 0, -1, func(context.Context, int64, int64) (io.ReadCloser, error) { return nil, boom })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, boom) {
		t.Errorf("err = %v, want that of the zip", err)
	}
}

func TestLayerOfNothing(t *testing.T) {
	l := NewLayer(nil, "p")
	got, _, err := walkAll(readLayer(t, l, nil, 0, -1), DefaultLimits())
	if err != nil || len(got) != 1 {
		t.Errorf("got %v, %v, want the folder alone", got, err)
	}
}
