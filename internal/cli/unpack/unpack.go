// Package unpack writes the archive of a pack into a folder: whole or not at all, and nothing outside that folder.
//
// What may be in an archive is decided by pack/archive, which refuses whatever two readers could see differently; where
// it is written is bound by os.Root, which no path and no symbolic link leads out of. Files get the mode 0644, or 0755 where
// the archive has an execute bit, less the process's mask; their times are those of the writing.
package unpack

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"packregistry/internal/pack/archive"
)

// Limits are those of an archive that a server has accepted: it may have been told to take more than archive.DefaultLimits.
func Limits() archive.Limits {
	d := archive.DefaultLimits()
	return archive.Limits{Unpacked: 16 * d.Unpacked, Entries: 16 * d.Entries}
}

// Archive writes all files of an archive (zip or tar.gz) into an empty folder. It returns where in it the pack is: "." or the
// name of the archive's single top folder. When it fails, what it has written must be thrown away.
//
// A refused archive is the error of archive.Walk; what cannot be written is an error of the file system.
func Archive(ctx context.Context, src io.ReaderAt, size int64, limits archive.Limits, to *os.Root) (pack string, err error) {
	u := &unpacking{to: to, made: map[string]bool{".": true}, single: true}
	if _, err := archive.Walk(ctx, src, size, limits, u.entry); err != nil {
		return "", err
	}
	if !u.has("pack.json") && u.single && u.top != "" && u.has(u.top+"/pack.json") {
		return u.top, nil
	}
	return ".", nil
}

type unpacking struct {
	to     *os.Root
	made   map[string]bool // folders
	top    string          // the first top folder
	single bool            // all entries are in it
}

// entry is the callback of archive.Walk.
func (u *unpacking) entry(e *archive.Entry, body io.Reader) error {
	top, _, below := strings.Cut(e.Path, "/")
	if u.top == "" && (below || e.Dir) {
		u.top = top
	}
	u.single = u.single && u.top == top
	if e.Dir {
		return u.folder(e.Path)
	}
	if err := u.folder(path.Dir(e.Path)); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if e.Executable {
		mode = 0o755
	}
	f, err := u.to.OpenFile(filepath.FromSlash(e.Path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return unwritable(e.Path, err)
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Close()
		return unwritable(e.Path, err) // of the body, Walk tells its own
	}
	if err := f.Close(); err != nil {
		return unwritable(e.Path, err)
	}
	return nil
}

// folder makes a folder and those above it.
func (u *unpacking) folder(p string) error {
	if u.made[p] {
		return nil
	}
	if err := u.to.MkdirAll(filepath.FromSlash(p), 0o755); err != nil {
		return unwritable(p, err)
	}
	u.made[p] = true
	return nil
}

// has reports whether a regular file was written.
func (u *unpacking) has(p string) bool {
	info, err := u.to.Lstat(filepath.FromSlash(p))
	return err == nil && info.Mode().IsRegular()
}

func unwritable(p string, err error) error { return fmt.Errorf("%q cannot be unpacked: %w", p, err) }
