package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// syntheticZip is like a pack: text that compresses, charts that do not, many
// small files. It unpacks to about files times 48 KiB.
func syntheticZip(t testing.TB, files int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	text := strings.Repeat("image: registry.example.com/pause:3.9 # not a word of truth\n", 700)
	for i := range files {
		f, err := w.Create(fmt.Sprintf("charts/part-%d/values.yaml", i))
		if err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if i%4 == 0 {
			data = noise(64 << 10)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func syntheticTarGz(t testing.TB, files int) []byte {
	b := syntheticZip(t, files)
	return readLayer(t, NewLayer(filesOf(t, b), "p"), b, 0, -1)
}

func walkOnly(b []byte) error {
	_, err := Walk(context.Background(), bytes.NewReader(b), int64(len(b)), DefaultLimits(), func(*Entry, io.Reader) error { return nil })
	return err
}

// What Walk allocates must not grow with the bytes in the archive.
func TestWalkMemory(t *testing.T) {
	var zipped bytes.Buffer
	w := zip.NewWriter(&zipped)
	for i := range 4 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("big-%d", i), Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat(noise(64<<10), 128)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := zipped.Bytes()
	layer := readLayer(t, NewLayer(filesOf(t, b), "p"), b, 0, -1)
	for name, b := range map[string][]byte{"zip": b, "tar.gz": layer} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := walkOnly(b); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: Walk allocated %d bytes for an archive of %d", name, got, len(b))
		}
	}
}

func BenchmarkWalkZip(b *testing.B) {
	data := syntheticZip(b, 400)
	unpacked := int64(0)
	for _, e := range entriesOf(b, data) {
		unpacked += e.Size
	}
	b.Run("own", func(b *testing.B) {
		b.SetBytes(unpacked)
		b.ReportAllocs()
		for b.Loop() {
			if err := walkOnly(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("std", func(b *testing.B) {
		b.SetBytes(unpacked)
		b.ReportAllocs()
		for b.Loop() {
			zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range zr.File {
				r, err := f.Open()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkWalkTarGz(b *testing.B) {
	data := syntheticTarGz(b, 400)
	unpacked := int64(0)
	for _, e := range entriesOf(b, data) {
		unpacked += e.Size
	}
	b.Run("own", func(b *testing.B) {
		b.SetBytes(unpacked)
		b.ReportAllocs()
		for b.Loop() {
			if err := walkOnly(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("std", func(b *testing.B) {
		b.SetBytes(unpacked)
		b.ReportAllocs()
		for b.Loop() {
			zr, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			for tr := tar.NewReader(zr); ; {
				if _, err := tr.Next(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, tr); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkLayer(b *testing.B) {
	data := syntheticZip(b, 400)
	files := filesOf(b, data)
	b.SetBytes(NewLayer(files, "p").Size())
	b.ReportAllocs()
	for b.Loop() {
		opened := 0
		r, err := NewLayer(files, "p").Open(context.Background(), 0, -1, rangeOf(data, &opened))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
