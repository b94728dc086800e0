package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
)

// file is a file that goes into the archive.
type file struct {
	path       string // slash separated, below the directory
	size       int64
	modified   time.Time
	executable bool
}

// maxFindings bounds what one answer lists of a directory full of what cannot be packed.
const maxFindings = 20

// lister goes through a directory.
type lister struct {
	ctx     context.Context
	root    *os.Root
	ignored ignored
	limits  archive.Limits

	files    []file
	entries  int   // files and directories
	unpacked int64 // bytes
	above    []fs.FileInfo
	findings []pack.Finding
}

// errFull ends the way through a directory that is over a limit; the finding says which.
var errFull = errors.New("over a limit")

// list gives all files in byte order of their paths.
func (l *lister) list() ([]file, error) {
	top, err := l.root.Stat(".")
	if err != nil {
		return nil, unreadable(l.root.Name(), err)
	}
	err = l.directory(".", top)
	switch {
	case err != nil && !errors.Is(err, errFull):
		return nil, err
	case len(l.findings) > 0:
		return nil, pack.BadPack(l.findings)
	}
	slices.SortFunc(l.files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	return l.files, nil
}

// directory goes through one directory and what is below it.
func (l *lister) directory(dir string, info fs.FileInfo) error {
	l.above = append(l.above, info)
	defer func() { l.above = l.above[:len(l.above)-1] }()
	d, err := l.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return unreadable(dir, err)
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(256)
		if err != nil && !errors.Is(err, io.EOF) {
			return unreadable(dir, err)
		}
		for _, name := range names {
			if err := l.entry(path.Join(dir, name)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// entry takes one name of a directory.
func (l *lister) entry(p string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if Litter(path.Base(p)) || p == ignoreFile {
		return nil
	}
	left, err := l.ignored.match(p)
	if err != nil || left == leftOut {
		return err
	}
	info, err := l.root.Lstat(filepath.FromSlash(p))
	if err != nil {
		return unreadable(p, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if left == onlyBelow {
			return nil // nothing below a link is meant
		}
		if info = l.follow(p); info == nil {
			return nil
		}
	}
	switch {
	case info.IsDir():
		if l.isAbove(info) {
			l.refuse(archive.RuleLink, p, "%q leads back to a directory above it; replace the link by what is meant", p)
			return nil
		}
		if err := l.count(0); err != nil {
			return err
		}
		return l.directory(p, info)
	case left == onlyBelow:
		return nil
	case !info.Mode().IsRegular():
		l.refuse(archive.RuleDevice, p, "%q is %s; a pack holds plain files only", p, kind(info.Mode()))
		return nil
	}
	l.files = append(l.files, file{path: p, size: info.Size(), modified: info.ModTime(), executable: info.Mode()&0o111 != 0})
	return l.count(info.Size())
}

// follow gives what a link points to, nil when that is refused.
func (l *lister) follow(p string) fs.FileInfo {
	info, err := l.root.Stat(filepath.FromSlash(p))
	switch {
	case err == nil:
		return info
	case errors.Is(err, fs.ErrNotExist):
		l.refuse(archive.RuleLink, p, "%q is a link to nothing; remove it, or name it in %s", p, ignoreFile)
	default:
		// os.Root refuses what leaves it, and absolute links, which mean something else on each machine.
		l.refuse(archive.RuleLink, p, "%q is a link that leads out of the pack's directory, is absolute or goes in a circle; replace it by the file, or name it in %s", p, ignoreFile)
	}
	return nil
}

// isAbove reports whether a directory is one that is being gone through.
func (l *lister) isAbove(info fs.FileInfo) bool {
	return slices.ContainsFunc(l.above, func(a fs.FileInfo) bool { return os.SameFile(a, info) })
}

// count takes one entry and its bytes into account.
func (l *lister) count(size int64) error {
	l.entries++
	l.unpacked += size
	switch {
	case l.entries > l.limits.Entries:
		l.refuse(archive.RuleLimitEntries, "", "the directory holds more than %d files and directories; is it a pack?", l.limits.Entries)
		return errFull
	case l.unpacked > l.limits.Unpacked:
		l.refuse(archive.RuleLimitUnpacked, "", "the files of the directory are over %d bytes together; pack less", l.limits.Unpacked)
		return errFull
	case len(l.findings) >= maxFindings:
		return errFull
	}
	return nil
}

func (l *lister) refuse(rule, p, format string, args ...any) {
	if len(l.findings) < maxFindings {
		l.findings = append(l.findings, pack.Finding{Rule: rule, Severity: pack.SeverityError, File: p, Message: fmt.Sprintf(format, args...)})
	}
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "no plain file"
}

// needsPackJSON refuses a directory that is no pack, and says where one may be.
func needsPackJSON(root *os.Root, files []file) error {
	dir := root.Name()
	var below []string
	for _, f := range files {
		if f.path == packJSON {
			return nil
		}
		if folder, ok := strings.CutSuffix(f.path, "/"+packJSON); ok && !strings.Contains(folder, "/") {
			below = append(below, folder)
		}
	}
	text := fmt.Sprintf("there is no pack.json in %s", dir)
	_, err := root.Lstat(packJSON)
	switch {
	case err == nil:
		text = fmt.Sprintf("%s leaves out the pack.json of %s, without which it is no pack", ignoreFile, dir)
	case len(files) == 0:
		text += ", which holds no file to pack at all"
	case len(below) == 1:
		text += fmt.Sprintf("; the pack seems to be %s", filepath.Join(dir, below[0]))
	case len(below) > 1:
		text += fmt.Sprintf(", but %d of its folders hold one; name those, as in: %s", len(below), filepath.Join(dir, "*")+string(filepath.Separator))
	default:
		text += "; give the directory that holds it"
	}
	return pack.BadPack([]pack.Finding{{Rule: ruleNoPackJSON, Severity: pack.SeverityError, Message: text}})
}

// ruleNoPackJSON is the id that package check gives the same fault of an archive.
const ruleNoPackJSON = "packjson-missing"
