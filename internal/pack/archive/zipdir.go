package archive

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"packregistry/internal/pack"
)

// General purpose flags that matter (APPNOTE.TXT 4.4.4).
const (
	flagEncrypted  = 1 << 0
	flagLevel      = 1<<1 | 1<<2 // says how hard the packer tried
	flagDescriptor = 1 << 3
	flagPatched    = 1 << 5
	flagStrong     = 1 << 6
	flagMasked     = 1 << 13
)

// The two compression methods.
const (
	methodStored  = 0
	methodDeflate = 8
)

// Unix file types, in the upper half of the external attributes.
const (
	modeType    = 0o170000
	modeSocket  = 0o140000
	modeLink    = 0o120000
	modeRegular = 0o100000
	modeBlock   = 0o060000
	modeDir     = 0o040000
	modeChar    = 0o020000
	modePipe    = 0o010000
	modeExecute = 0o111
	dosDir      = 1 << 4 // in the lower half
)

// central is one record of the central directory.
type central struct {
	name       string // as the archive spells it
	path       string // clean
	dir        bool
	exec       bool
	flags      uint16
	method     uint16
	crc        uint32
	compressed int64
	size       int64
	offset     int64 // of the local header
}

// zipDirectory reads the central directory in one pass, with the paths checked,
// and returns its records in the order of their bytes. Bad names are collected,
// so that one answer lists them all; everything else ends the reading.
func (w *walker) zipDirectory(end zipEnd) ([]central, error) {
	if end.entries*centralLen > end.dirSize {
		return nil, refuse(RuleDirectory, "", "the end record counts %d entries, more than the central directory has room for; upload it again, or pack again", end.entries)
	}
	var found []pack.Finding
	records := make([]central, 0, end.entries)
	w.src.seek(end.dirOffset, end.dirOffset+end.dirSize)
	for range end.entries {
		rec, bad, err := w.centralRecord()
		if err != nil {
			return nil, err
		}
		if bad == nil && rec.path != "" {
			bad = w.paths.add(rec.path, rec.dir)
		}
		if bad != nil {
			if found = append(found, *bad); len(found) == maxFindings || bad.Rule == RuleLimitPaths || bad.Rule == RuleLimitEntries {
				break
			}
			continue
		}
		records = append(records, rec)
	}
	if len(found) > 0 {
		return nil, pack.BadPack(found)
	}
	if w.src.pos() != end.dirOffset+end.dirSize {
		return nil, refuse(RuleDirectory, "", "the central directory has more in it than the %d entries that the end record counts; pack again", end.entries)
	}
	slices.SortFunc(records, func(a, b central) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	return records, nil
}

// centralRecord reads one record. A finding is about the entry's name or kind
// alone, and the reading may go on behind it.
func (w *walker) centralRecord() (central, *pack.Finding, error) {
	var c central
	b, err := w.src.next(centralLen)
	if err != nil {
		return c, nil, dirError(err)
	}
	if le.Uint32(b) != sigCentral {
		return c, nil, refuse(RuleDirectory, "", "the central directory has fewer entries than the end record counts; upload it again, or pack again")
	}
	c.flags, c.method, c.crc = le.Uint16(b[8:]), le.Uint16(b[10:]), le.Uint32(b[16:])
	compressed, size, offset := le.Uint32(b[20:]), le.Uint32(b[24:]), le.Uint32(b[42:])
	nameLen, extraLen, commentLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	disk, attrs := le.Uint16(b[34:]), le.Uint32(b[38:])
	if b, err = w.src.next(nameLen); err != nil {
		return c, nil, dirError(err)
	}
	c.name = string(b)
	if b, err = w.src.next(extraLen); err != nil {
		return c, nil, dirError(err)
	}
	hidden := bytes.Contains(b, []byte(endSignature))
	x, err := readExtra(b, c.name)
	if err != nil {
		return c, nil, err
	}
	if b, err = w.src.next(commentLen); err != nil {
		return c, nil, dirError(err)
	}
	if hidden || bytes.Contains(b, []byte(endSignature)) {
		return c, nil, refuse(RuleEndRecords, c.name, "the central directory entry of %q holds an end record; pack again", show(c.name))
	}
	wide := wideSizes{size: uint64(size), compressed: uint64(compressed), offset: uint64(offset), disk: uint32(disk)}
	if !wide.fromCentral(x) {
		return c, nil, refuse(RuleZip64, c.name, "the zip64 values of %q are malformed or disagree with the plain ones; pack again", show(c.name))
	}
	switch {
	case wide.disk != 0:
		return c, nil, refuse(RuleMultiDisk, c.name, "the entry %q lies in another part of a split zip; pack again into one file", show(c.name))
	case wide.size > 1<<62 || wide.compressed > uint64(w.src.size) || wide.offset > uint64(w.src.size):
		return c, nil, refuse(RuleDirectory, c.name, "the entry %q does not lie inside the file; upload it again, or pack again", show(c.name))
	}
	c.size, c.compressed, c.offset = int64(wide.size), int64(wide.compressed), int64(wide.offset)
	return c, c.check(attrs), nil
}

// dirError is that of a central directory which ends inside a record.
func dirError(err error) error {
	if errors.Is(err, io.EOF) {
		return refuse(RuleDirectory, "", "the central directory ends inside an entry; upload it again, or pack again")
	}
	return err
}

// check says what is wrong with the entry by its central record alone, and fills
// path, dir and exec.
func (c *central) check(attrs uint32) *pack.Finding {
	bad := func(rule, format string, args ...any) *pack.Finding {
		f := finding(rule, c.name, format, args...)
		return &f
	}
	shown := show(c.name)
	switch {
	case c.flags&(flagEncrypted|flagStrong|flagMasked) != 0:
		return bad(RuleEncrypted, "the entry %q is encrypted; pack again without a password", shown)
	case c.flags&flagPatched != 0 || c.method != methodStored && c.method != methodDeflate:
		return bad(RuleMethod, "the entry %q is compressed by method %d; pack again with deflate", shown, c.method)
	}
	// Whether an entry is a directory is told thrice: by a slash, by the Unix mode
	// and by the DOS attribute. Packers leave the latter two out, but never lie.
	c.dir = len(c.name) > 0 && c.name[len(c.name)-1] == '/'
	mode := attrs >> 16
	switch kind := mode & modeType; {
	case kind == modeLink:
		return bad(RuleLink, "the entry %q is a symbolic link; pack the file itself in its place", shown)
	case kind == modeBlock || kind == modeChar || kind == modePipe || kind == modeSocket:
		return bad(RuleDevice, "the entry %q is a device, pipe or socket; leave it out", shown)
	case kind != 0 && kind != modeRegular && kind != modeDir:
		return bad(RuleEntryType, "the entry %q is neither a file nor a directory; leave it out", shown)
	case c.dir && kind == modeRegular, !c.dir && (kind == modeDir || attrs&dosDir != 0):
		return bad(RuleEntryType, "the entry %q is a file by its name and a directory by its attributes, or the reverse; pack again", shown)
	case c.dir && c.size != 0:
		return bad(RuleEntryType, "the directory %q has content; pack again", shown)
	case c.method == methodStored && c.compressed != c.size:
		return bad(RuleSize, "the entry %q is stored, but its two sizes differ; pack again", shown)
	}
	var f *pack.Finding
	c.path, f = cleanPath(c.name, c.dir)
	c.exec = !c.dir && mode&modeExecute != 0
	return f
}
