package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"packregistry/internal/pack"
)

// tarGz walks a tar.gz to the last byte of the file.
func (w *walker) tarGz() error {
	if zip, err := w.endRecordFits(); err != nil {
		return err
	} else if zip {
		return refuse(RulePolyglot, "", "the tar.gz ends in a zip end record, so that it is a zip as well; pack again")
	}
	// Each entry may have a member for its header and one for its content, as
	// Layer writes them, and a parallel packer may cut the rest into pieces.
	t := tarReader{walker: w, gz: &gunzip{src: w.src, maxMembers: 8*w.lim.Entries + 1024}}
	w.src.seek(0, w.src.size)
	for {
		done, err := t.entry()
		if err != nil {
			return err
		}
		if done {
			return t.end()
		}
	}
}

// tarReader reads the entries of one tar.
type tarReader struct {
	*walker
	gz      *gunzip
	entries int  // header blocks, those of pax and long names among them
	begun   bool // the first header was good
	block   [tarBlock]byte
}

// readBlock reads one block of headers.
func (t *tarReader) readBlock() error {
	if _, err := io.ReadFull(t.gz, t.block[:]); err != nil {
		switch {
		case !ended(err):
			return err
		case !t.begun:
			return notTar()
		default:
			return refuse(RuleTarEnd, "", "the tar ends without its two closing zero blocks: it is cut off; upload it again, or pack again")
		}
	}
	return nil
}

func notTar() error {
	return pack.Errorf(pack.KindUnsupported, "", "this is gzip data, but not that of a tar; pack the folder as tar.gz or zip")
}

// header reads one header block; it is nil at the first closing zero block.
func (t *tarReader) header() (*tarHeader, error) {
	if err := cancelled(t.ctx); err != nil {
		return nil, err
	}
	if err := t.readBlock(); err != nil {
		return nil, err
	}
	if t.block == [tarBlock]byte{} {
		return nil, nil
	}
	if !checksum(t.block[:]) {
		if !t.begun {
			return nil, notTar()
		}
		return nil, refuse(RuleTarChecksum, "", "the checksum of a tar header is wrong; upload it again, or pack again")
	}
	t.begun = true
	if t.entries++; t.entries > t.lim.Entries {
		return nil, refuse(RuleLimitEntries, "", "the archive has more than %d entries; pack fewer files", t.lim.Entries)
	}
	h, ok := readTarHeader(t.block[:])
	if !ok {
		return nil, refuse(RuleTarHeader, h.name, "the tar header of %q is malformed or of an unknown dialect; pack again with GNU tar or another common tool", show(h.name))
	}
	return &h, nil
}

// entry reads one entry with the headers that belong to it. done is true when
// there was the first closing block instead.
func (t *tarReader) entry() (done bool, err error) {
	var ext *pax
	var long *string
	for {
		h, err := t.header()
		switch {
		case err != nil:
			return false, err
		case h == nil && (ext != nil || long != nil):
			return false, refuse(RulePax, "", "a pax or long-name header belongs to no entry; pack again")
		case h == nil:
			return true, nil
		}
		switch h.kind {
		case tarPax, tarGlobal:
			p, err := t.pax(h)
			switch {
			case err != nil:
				return false, err
			case h.kind == tarGlobal && (p.hasPath || p.hasSize || p.other || ext != nil || long != nil):
				return false, refuse(RulePax, "", "a global pax header changes paths or sizes; pack again without it")
			case h.kind == tarGlobal:
				continue
			case ext != nil:
				return false, refuse(RulePax, h.name, "an entry has two pax headers; pack again")
			}
			ext = &p
		case tarLongName:
			name, err := t.longName(h)
			switch {
			case err != nil:
				return false, err
			case long != nil:
				return false, refuse(RulePax, h.name, "an entry has two long-name headers; pack again")
			}
			long = &name
		default:
			return false, t.member(h, ext, long)
		}
	}
}

// pax reads the content of a pax header.
func (t *tarReader) pax(h *tarHeader) (pax, error) {
	b, err := t.special(h)
	if err != nil {
		return pax{}, err
	}
	p, ok := readPax(b)
	switch {
	case !ok:
		return p, refuse(RulePax, h.name, "the pax header %q is malformed; pack again", show(h.name))
	case p.sparse:
		return p, refuse(RuleSparse, h.name, "the pax header %q makes a sparse file; pack again without --sparse", show(h.name))
	}
	return p, nil
}

// longName reads the content of a GNU long-name header.
func (t *tarReader) longName(h *tarHeader) (string, error) {
	b, err := t.special(h)
	if err != nil {
		return "", err
	}
	name, rest, _ := strings.Cut(string(b), "\x00")
	if name == "" || strings.Trim(rest, "\x00") != "" {
		return "", refuse(RulePax, h.name, "a GNU long-name header is malformed; pack again")
	}
	return name, nil
}

// special reads the content of a header that speaks of another entry.
func (t *tarReader) special(h *tarHeader) ([]byte, error) {
	if h.size > maxPax {
		return nil, refuse(RulePax, h.name, "the pax or long-name header %q is over %d bytes; pack again", show(h.name), maxPax)
	}
	if err := t.count(h.size); err != nil {
		return nil, err
	}
	b := make([]byte, h.size)
	if _, err := io.ReadFull(t.gz, b); err != nil {
		return nil, streamError(err, "")
	}
	return b, t.padding(h.size, h.name)
}

// member reads a file or directory.
func (t *tarReader) member(h *tarHeader, ext *pax, long *string) error {
	name, mtime := h.name, h.mtime
	if long != nil {
		name = *long
	}
	if ext != nil {
		switch {
		case ext.hasPath && long != nil:
			return refuse(RulePax, name, "the entry %q has its path in a pax header and in a GNU one; pack again", show(name))
		case ext.hasPath:
			name = ext.path
		}
		if ext.hasSize && ext.size != h.size {
			return refuse(RulePax, name, "the entry %q has another size in its pax header than in its tar header; pack again", show(name))
		}
		if ext.hasTime {
			mtime = ext.mtime
		}
	}
	path, err := t.place(h, name)
	if err != nil {
		return err
	}
	if h.size > t.lim.Unpacked-t.unpacked {
		return refuse(RuleLimitUnpacked, name, "the archive unpacks to more than %d bytes; pack less", t.lim.Unpacked)
	}
	b := &body{
		w: t.walker, file: name, left: h.size, raw: io.LimitReader(t.gz, h.size), short: RuleTruncated,
		done: func() error { return t.padding(h.size, name) },
	}
	if path == "" { // the root directory
		return drain(b, t.scratch)
	}
	dir := h.kind == tarDir
	return t.enter(&Entry{
		Path: path, Dir: dir, Executable: !dir && h.mode&modeExecute != 0, Size: h.size, modified: mtime,
	}, b)
}

// place checks the kind and the path of a member.
func (t *tarReader) place(h *tarHeader, name string) (string, error) {
	shown := show(name)
	switch h.kind {
	case tarRegular, tarRegularOld:
		if strings.HasSuffix(name, "/") {
			return "", refuse(RuleEntryType, name, "the entry %q is a directory by its name and a file by its type; pack again", shown)
		}
	case tarDir:
		if h.size != 0 {
			return "", refuse(RuleEntryType, name, "the directory %q has content; pack again", shown)
		}
	case tarHardLink, tarSymlink, tarLongLink:
		return "", refuse(RuleLink, name, "the entry %q is a link; pack the file itself in its place (tar --dereference --hard-dereference)", shown)
	case tarChar, tarBlockDev, tarFifo:
		return "", refuse(RuleDevice, name, "the entry %q is a device or pipe; leave it out", shown)
	case tarSparse:
		return "", refuse(RuleSparse, name, "the entry %q is a sparse file; pack again without --sparse", shown)
	default:
		return "", refuse(RuleEntryType, name, "the entry %q is of the tar type %s, which is neither file nor directory; leave it out", shown, fmt.Sprintf("%q", h.kind))
	}
	path, bad := cleanPath(name, h.kind == tarDir)
	if bad == nil && path != "" {
		bad = t.paths.add(path, h.kind == tarDir)
	}
	if bad != nil {
		return "", pack.BadPack([]pack.Finding{*bad})
	}
	return path, nil
}

// padding reads the zero bytes after size bytes of content.
func (t *tarReader) padding(size int64, name string) error {
	n := int(-size & (tarBlock - 1))
	if n == 0 {
		return nil
	}
	if _, err := io.ReadFull(t.gz, t.block[:n]); err != nil {
		return streamError(err, name)
	}
	if !zeros(t.block[:n]) {
		return refuse(RulePadding, name, "the padding after %q is not zero; pack again", show(name))
	}
	return nil
}

// end reads from the second closing block to the end of the file.
func (t *tarReader) end() error {
	if err := t.readBlock(); err != nil {
		return err
	}
	if !zeros(t.block[:]) {
		return refuse(RuleTarEnd, "", "only one zero block closes the tar; pack again")
	}
	for {
		if err := cancelled(t.ctx); err != nil {
			return err
		}
		n, err := t.gz.Read(t.scratch)
		if !zeros(t.scratch[:n]) {
			return refuse(RuleTarEnd, "", "something comes after the end of the tar; pack again")
		}
		if cerr := t.count(int64(n)); cerr != nil {
			return cerr
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
