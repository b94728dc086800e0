package archive

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"packregistry/internal/pack"
)

// ZipRange opens length bytes of a zip from offset.
type ZipRange = func(ctx context.Context, offset, length int64) (io.ReadCloser, error)

// Layer is the tar.gz form of a zip, made while it is read. Each file's DEFLATE
// data is taken from the zip as it is and framed as a gzip member of its own; tar
// headers and padding are members of stored blocks between them (RFC 1952 allows
// many members). Nothing is compressed, so the same files and folder give the
// same bytes with every version of Go, and Size needs no reading. A Layer holds
// only its files' places; it is safe for concurrent use.
type Layer struct {
	sections []section
	size     int64
}

// section is what the tar.gz holds for one file: one member with the padding of
// the file before and the headers up to this file, one with its content.
type section struct {
	file  pack.File
	dirs  []string // full paths of the directories that appear with this file
	path  string   // full path; "" in the section that ends the tar
	pad   int64    // padding of the file before
	plain int64    // bytes of padding and headers
	start int64    // of the section in the tar.gz
	data  int64    // of the member with the content
}

// NewLayer lays out the tar.gz of files under one top folder, in the order of
// their bytes in the zip. Each directory comes before what is in it. The folder
// adds to every path; a path at the very limit is over it in the tar.gz.
func NewLayer(files []pack.File, folder string) *Layer {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b pack.File) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Path, b.Path))
	})
	l := &Layer{sections: make([]section, 0, len(files)+1)}
	top := []string{folder + "/"}
	known := map[string]bool{}
	var pad int64
	for _, f := range sorted {
		s := section{file: f, path: folder + "/" + f.Path, dirs: top, pad: pad}
		top = nil
		for i, c := range f.Path {
			if c == '/' && !known[f.Path[:i]] {
				known[f.Path[:i]] = true
				s.dirs = append(s.dirs, folder+"/"+f.Path[:i+1])
			}
		}
		l.add(s)
		pad = -f.Size & (tarBlock - 1)
	}
	l.add(section{dirs: top, pad: pad})
	return l
}

// add puts a section at the end.
func (l *Layer) add(s section) {
	s.start = l.size
	s.plain = s.pad
	for _, d := range s.dirs {
		s.plain += tarHeaderLen(d)
	}
	if s.path == "" {
		s.plain += 2 * tarBlock
	} else {
		s.plain += tarHeaderLen(s.path)
	}
	s.data = s.start + storedMember(s.plain)
	l.size = s.data + s.dataLen()
	l.sections = append(l.sections, s)
}

// dataLen is the length of the member with the content; an empty file has none.
func (s *section) dataLen() int64 {
	switch {
	case s.file.Size == 0:
		return 0
	case s.file.Method == methodStored:
		return storedMember(s.file.Size)
	}
	return gzipHead + s.file.Compressed + gzipTail
}

// head is the bytes of the first member's content.
func (s *section) head() []byte {
	b := make([]byte, s.pad, s.plain)
	for _, d := range s.dirs {
		b = appendTarHeader(b, d, tarDir, 0o755, 0)
	}
	if s.path == "" {
		return append(b, make([]byte, 2*tarBlock)...)
	}
	mode := int64(0o644)
	if s.file.Executable {
		mode = 0o755
	}
	return appendTarHeader(b, s.path, tarRegular, mode, s.file.Size)
}

// Size is the length of the tar.gz in bytes.
func (l *Layer) Size() int64 { return l.size }

// Open reads length bytes of the tar.gz from offset; a negative length means to
// the end, one that is too long is cut. Headers before offset are not made and files before it not read. zip
// opens a range of the zip; it is called at most once, with the range that all
// the files' bytes asked for lie in, and not at all where there are none. An
// offset outside the tar.gz is KindInvalid; a zip that ends early is KindCorrupt.
func (l *Layer) Open(ctx context.Context, offset, length int64, zip ZipRange) (io.ReadCloser, error) {
	if offset < 0 || offset > l.size {
		return nil, pack.Errorf(pack.KindInvalid, "", "the range begins outside the archive of %d bytes", l.size)
	}
	if length < 0 || length > l.size-offset {
		length = l.size - offset
	}
	first, _ := slices.BinarySearchFunc(l.sections, offset, func(s section, at int64) int {
		if s.data+s.dataLen() <= at {
			return -1
		}
		return 1
	})
	r := &layerReader{ctx: ctx, layer: l, open: zip, next: first, left: length}
	if first < len(l.sections) {
		r.skip = offset - l.sections[first].start
	}
	r.zipEnd = l.lastZipByte(first, offset+length)
	return r, nil
}

// lastZipByte is the end of the range of the zip that a reading up to end needs.
func (l *Layer) lastZipByte(first int, end int64) int64 {
	var last int64
	for i := first; i < len(l.sections) && l.sections[i].data < end; i++ {
		s := &l.sections[i]
		if n := s.dataLen(); n > 0 {
			want := s.file.Compressed
			if s.file.Method != methodStored {
				want = min(want, max(0, end-s.data-gzipHead))
			}
			last = max(last, s.file.Offset+want)
		}
	}
	return last
}

// piece is a run of the tar.gz: bytes made here, or a range of the zip.
type piece struct {
	bytes  []byte
	offset int64
	length int64 // of the range; 0 for bytes
}

func (p piece) len() int64 { return max(int64(len(p.bytes)), p.length) }

// layerReader gives the pieces of the sections one after the other.
type layerReader struct {
	ctx    context.Context
	layer  *Layer
	open   ZipRange
	zip    io.ReadCloser
	zipAt  int64 // offset in the zip of what zip gives next
	zipEnd int64
	next   int // section
	skip   int64
	left   int64
	pieces func() (piece, bool) // of the current section
	now    piece
	err    error
}

func (r *layerReader) Read(p []byte) (int, error) {
	for r.err == nil && r.now.len() == 0 && r.left > 0 {
		r.advance()
	}
	switch {
	case r.err != nil:
		return 0, r.err
	case r.left == 0:
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left, r.now.len())]
	if r.now.length == 0 {
		copy(p, r.now.bytes)
		r.now.bytes = r.now.bytes[len(p):]
		r.left -= int64(len(p))
		return len(p), nil
	}
	var n int
	n, r.err = r.readZip(p)
	r.now.offset += int64(n)
	r.now.length -= int64(n)
	r.left -= int64(n)
	return n, r.err
}

// advance goes to the next piece, past those that the offset skips.
func (r *layerReader) advance() {
	if r.pieces == nil {
		if r.next == len(r.layer.sections) {
			r.err = io.ErrUnexpectedEOF // the sizes do not add up: a fault of this file
			return
		}
		r.pieces = r.layer.sections[r.next].pieces()
		r.next++
	}
	p, ok := r.pieces()
	if !ok {
		r.pieces = nil
		return
	}
	if r.skip >= p.len() {
		r.skip -= p.len()
		return
	}
	if p.length > 0 {
		p.offset += r.skip
		p.length -= r.skip
	} else {
		p.bytes = p.bytes[r.skip:]
	}
	r.skip = 0
	r.now = p
}

// readZip reads at now.offset.
func (r *layerReader) readZip(p []byte) (int, error) {
	if r.zip == nil {
		var err error
		if r.zip, err = r.open(r.ctx, r.now.offset, r.zipEnd-r.now.offset); err != nil {
			r.zip = nil
			return 0, err
		}
		r.zipAt = r.now.offset
	}
	if gap := r.now.offset - r.zipAt; gap > 0 { // headers of the zip
		n, err := io.CopyN(io.Discard, r.zip, gap)
		r.zipAt += n
		if err != nil {
			return 0, shortZip(err)
		}
	}
	n, err := r.zip.Read(p)
	r.zipAt += int64(n)
	if n > 0 {
		return n, nil // an error comes back with the next call
	}
	return 0, shortZip(err)
}

func shortZip(err error) error {
	if err != nil && ended(err) {
		return pack.Wrap(pack.KindCorrupt, err, "the stored archive is shorter than its list of files")
	}
	return err
}

func (r *layerReader) Close() error {
	if r.err == nil {
		r.err = pack.Errorf(pack.KindInternal, "", "read after close")
	}
	if r.zip == nil {
		return nil
	}
	zip := r.zip
	r.zip = nil
	return zip.Close()
}

// asciiName reports whether the name can stand in the tar header itself.
func asciiName(name string) bool {
	return len(name) <= 100 && strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) < 0
}
