// Package sample holds the small pack that a server writes at its first start, so
// that the first upload needs nothing else.
package sample

import (
	"archive/zip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Name and Version are those of the sample pack.
const (
	Name    = "hello-pack"
	Version = "1.0.0"
)

//go:embed hello-pack
var files embed.FS

// Write writes the sample pack as a zip with pack.json at its root. The file list,
// the names and the times are always the same.
func Write(w io.Writer) error {
	root, err := fs.Sub(files, Name)
	if err != nil {
		return fmt.Errorf("sample pack: %w", err)
	}
	z := zip.NewWriter(w)
	err = fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return add(z, root, path)
	})
	if err != nil {
		return fmt.Errorf("sample pack: %w", err)
	}
	return z.Close()
}

func add(z *zip.Writer, root fs.FS, path string) error {
	content, err := fs.ReadFile(root, path)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: path, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o644)
	f, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return err
}
