package importer

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// find sends the sources of the folder, in the order of their paths. What cannot be read is a failure like a bad pack.
func (i *run) find(ctx context.Context, to chan<- source) error {
	return filepath.WalkDir(i.folder, func(path string, d fs.DirEntry, err error) error {
		name := i.name(path)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return i.failed(ctx, name, unreadable(err))
		case path != i.folder && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			if fi, err := os.Stat(filepath.Join(path, "pack.json")); err != nil || !fi.Mode().IsRegular() {
				return nil
			}
			if err := send(ctx, to, source{path: path, name: name, directory: true}); err != nil {
				return err
			}
			return fs.SkipDir // archives in it are its charts
		case !isArchive(d.Name()):
			return nil
		}
		// A link to an archive is one.
		if fi, err := os.Stat(path); err != nil {
			return i.failed(ctx, name, unreadable(err))
		} else if !fi.Mode().IsRegular() {
			return nil
		}
		return send(ctx, to, source{path: path, name: name})
	})
}

func (i *run) name(path string) string {
	rel, err := filepath.Rel(i.folder, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

func send(ctx context.Context, to chan<- source, src source) error {
	select {
	case to <- src:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isArchive(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".zip") || strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}
