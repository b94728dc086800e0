package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"packregistry/internal/storage"
)

// mkdirAll makes dir and what is missing above it, and syncs the parent of each
// directory it made: only then does a new directory survive a power loss.
func mkdirAll(dir string) error {
	if fi, err := os.Stat(dir); err == nil {
		if !fi.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return storage.SyncDir(parent)
}
