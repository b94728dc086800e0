// Package packtest makes small packs for tests: as a map from path to content,
// and as archives of it. Only tests import it.
package packtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// at is the modification time of every entry, so that archives are the same bytes each time.
func at() time.Time { return time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC) }

// Zip makes a zip of the files, in order of their paths. A path that ends in "/" is a directory.
func Zip(files map[string]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at()}
		h.SetMode(0o644)
		if strings.HasSuffix(name, "/") {
			h.Method = zip.Store
			h.SetMode(0o755 | fs.ModeDir)
		}
		f := must(w.CreateHeader(h))
		must(f.Write([]byte(files[name])))
	}
	check(w.Close())
	return buf.Bytes()
}

// TarGz makes a tar.gz of the files, in order of their paths, below folder ("" for none).
func TarGz(files map[string]string, folder string) []byte {
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	w := tar.NewWriter(gz)
	if folder != "" {
		folder = strings.TrimSuffix(folder, "/") + "/"
		check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755, ModTime: at()}))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: folder + name, Mode: 0o644, Size: int64(len(files[name])), ModTime: at()}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		check(w.WriteHeader(h))
		must(w.Write([]byte(files[name])))
	}
	check(w.Close())
	check(gz.Close())
	return buf.Bytes()
}

// In moves the files below a folder.
func In(folder string, files map[string]string) map[string]string {
	out := make(map[string]string, len(files))
	for name, content := range files {
		out[folder+"/"+name] = content
	}
	return out
}

// must and check end the test run: writing to memory does not fail.
func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
