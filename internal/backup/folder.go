package backup

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

const (
	markerName = "pack-registry-backups.json"
	backupsDir = "backups"
	tmpDir     = "tmp"

	folderFormat = "pack-registry-backups/1"
	// newPrefix begins the names of files at the root that are not ready yet.
	newPrefix = ".new-"
)

type marker struct {
	Format string `json:"format"`
	Note   string `json:"note"`
}

const markerNote = "backups of a pack registry; see docs/backup.md. The folder holds password hashes: keep it from others."

// Prepare makes root a folder for backups when it is not there or empty. Anything else that is not one is refused:
// it might be the registry's own data folder, whose blobs no backup names.
func Prepare(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return diskError(err)
	}
	err := readMarker(root)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return diskError(err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), newPrefix) {
			return pack.Errorf(pack.KindConflict, "not_a_backup_folder", "%s is neither empty nor a folder of backups: name another one", root)
		}
	}
	return writeJSON(root, markerName, marker{folderFormat, markerNote})
}

// readMarker gives an error that wraps fs.ErrNotExist for a folder that holds no backups.
func readMarker(root string) error {
	path := filepath.Join(root, markerName)
	var m marker
	if err := readJSON(path, &m); err != nil {
		return err
	}
	if m.Format != folderFormat {
		return pack.Errorf(pack.KindInvalid, "backup_format", "%s has the format %q, this release reads %s", path, m.Format, folderFormat)
	}
	return nil
}

// lock keeps others from writing to the folder, or, shared, from taking away what is read. It ends with the process.
// A file system that knows no locks is used without.
func lock(root string, shared bool) (unlock func(), err error) {
	if err := readMarker(root); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, pack.Errorf(pack.KindNotFound, "no_backups", "%s holds no backups", root)
		}
		return nil, err
	}
	f, err := os.Open(filepath.Join(root, markerName))
	if err != nil {
		return nil, diskError(err)
	}
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, pack.Errorf(pack.KindBusy, "", "another backup or restore is at work in %s: wait until it has ended", root)
	}
	return func() { f.Close() }, nil
}

// nameFormat is the time that is a backup's name.
const nameFormat = "20060102T150405Z"

// list gives the names of the backups, the oldest first.
func list(root string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, backupsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, diskError(err)
	}
	var names []string
	for _, e := range entries {
		if _, err := time.Parse(nameFormat, e.Name()); err == nil && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// nextName is the time, or a later one: names go up even when clocks do not.
func nextName(names []string, now time.Time) string {
	now = now.UTC().Truncate(time.Second)
	if len(names) > 0 {
		if last, err := time.Parse(nameFormat, names[len(names)-1]); err == nil && !now.After(last) {
			now = last.Add(time.Second)
		}
	}
	return now.Format(nameFormat)
}

// readJSON reads a file of ours. An error wraps fs.ErrNotExist when there is none, and else says that it is damaged.
func readJSON(path string, into any) error {
	f, err := openFile(path)
	if err != nil {
		return diskError(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return diskError(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return damaged(err, "%s is damaged", path)
	}
	return nil
}

// openFile opens a file of a backup. Anything else under its name, such as a pipe, could hold the reader for ever.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNoFile}
	}
	return os.Open(path)
}

var errNoFile = errors.New("is no regular file")

// writeJSON puts a file into a folder, whole or not at all.
func writeJSON(dir, name string, value any) error {
	b, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, newPrefix)
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err == nil {
		err = storage.SyncDir(dir)
	}
	return diskError(err)
}
