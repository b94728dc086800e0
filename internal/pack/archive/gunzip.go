package archive

import (
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"

	"packregistry/internal/pack"
)

// Flags of a gzip header (RFC 1952, section 2.3.1).
const (
	gzipHeaderCRC = 1 << 1
	gzipExtra     = 1 << 2
	gzipName      = 1 << 3
	gzipComment   = 1 << 4
	gzipReserved  = 0xe0
)

// gzipText bounds a name or comment in a gzip header; other readers stop there too.
const gzipText = 511

// gunzip reads all members of a gzip file, and refuses anything else in it. Its
// errors are io.EOF, those of source and refusals.
type gunzip struct {
	src        *source
	maxMembers int
	members    int
	inflater   io.ReadCloser
	inside     bool
	ended      int64 // offset in the file of the end of the last member
	crc        uint32
	length     uint32
	err        error
}

// Read gives unpacked bytes of one member at a time.
func (g *gunzip) Read(p []byte) (int, error) {
	for g.err == nil {
		if !g.inside {
			if g.err = g.header(); g.err != nil {
				break
			}
		}
		n, err := g.inflater.Read(p)
		g.crc = crc32.Update(g.crc, crc32.IEEETable, p[:n])
		g.length += uint32(n)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			g.inside = false
			g.err = g.trailer()
		default:
			g.err = streamError(err, "")
		}
		if n > 0 || err == nil {
			return n, g.err
		}
	}
	return 0, g.err
}

// header starts the next member; io.EOF when there is none.
func (g *gunzip) header() error {
	b, err := g.src.next(10)
	if err != nil {
		switch {
		case !errors.Is(err, io.EOF):
			return err
		case g.src.pos() < g.src.size && g.members > 0:
			return g.trailing()
		case g.members > 0:
			return io.EOF
		}
		return streamError(err, "")
	}
	if b[0] != 0x1f || b[1] != 0x8b {
		return g.trailing()
	}
	flags := b[3]
	if b[2] != 8 || flags&gzipReserved != 0 {
		return badGzipHeader()
	}
	if g.members++; g.members > g.maxMembers {
		return refuse(RuleLimitMembers, "", "the tar.gz has more than %d gzip members; compress it in one go", g.maxMembers)
	}
	sum := crc32.ChecksumIEEE(b)
	if flags&gzipExtra != 0 {
		if b, err = g.src.next(2); err != nil {
			return streamError(err, "")
		}
		n := int(le.Uint16(b))
		sum = crc32.Update(sum, crc32.IEEETable, b)
		if b, err = g.src.next(n); err != nil {
			return streamError(err, "")
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
	}
	for _, flag := range []byte{gzipName, gzipComment} {
		if flags&flag != 0 {
			if sum, err = g.text(sum); err != nil {
				return err
			}
		}
	}
	if flags&gzipHeaderCRC != 0 {
		if b, err = g.src.next(2); err != nil {
			return streamError(err, "")
		}
		if le.Uint16(b) != uint16(sum) {
			return badGzipHeader()
		}
	}
	if g.inflater == nil {
		g.inflater = flate.NewReader(g.src)
	} else if err := g.inflater.(flate.Resetter).Reset(g.src, nil); err != nil {
		return err
	}
	g.inside, g.crc, g.length = true, 0, 0
	return nil
}

// text skips a zero-terminated string and adds it to sum.
func (g *gunzip) text(sum uint32) (uint32, error) {
	for range gzipText + 1 {
		c, err := g.src.ReadByte()
		if err != nil {
			return 0, streamError(err, "")
		}
		sum = crc32.Update(sum, crc32.IEEETable, []byte{c})
		if c == 0 {
			return sum, nil
		}
	}
	return 0, badGzipHeader()
}

// trailer checks the end of a member.
func (g *gunzip) trailer() error {
	b, err := g.src.next(8)
	if err != nil {
		return streamError(err, "")
	}
	if le.Uint32(b) != g.crc || le.Uint32(b[4:]) != g.length {
		return refuse(RuleGzipTrailer, "", "the gzip data does not match its checksum; upload it again, or pack again")
	}
	g.ended = g.src.pos()
	return nil
}

func badGzipHeader() error {
	return refuse(RuleGzipHeader, "", "a gzip header is malformed; upload it again, or pack again")
}

// trailing is the refusal of what comes after the last member. Zero bytes are
// refused too: gzip skips them, compress/gzip and others fail on them.
func (g *gunzip) trailing() error {
	var first [1]byte
	if n, err := g.src.src.ReadAt(first[:], g.ended); n == 0 {
		return pack.Wrap(pack.KindInternal, err, "the archive could not be read")
	}
	if first[0] == 0 {
		return refuse(RuleTrailing, "", "there are zero bytes after the end of the gzip data, as bsdtar (the tar of macOS) adds them when it writes to a pipe; let it write to a file: tar -czf pack.tar.gz FOLDER")
	}
	return refuse(RuleTrailing, "", "there are bytes after the end of the gzip data; remove them")
}
