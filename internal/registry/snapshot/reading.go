package snapshot

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"packregistry/internal/pack"
)

// Coding is how a reader wants the bytes, in the words of HTTP.
type Coding string

// The codings.
const (
	Plain Coding = ""
	Gzip  Coding = "gzip"
	Zstd  Coding = "zstd"
)

// Reading is a book, or one namespace of it, on its way out.
type Reading struct {
	Size     int64 // bytes that WriteTo writes
	coding   Coding
	segments []*segment
	head     []byte
	tail     []byte
}

// Read gives the lines of a namespace (pack.AllNamespaces for all), and the last line
// with the cursor.
func (b *Book) Read(namespace string, coding Coding) (*Reading, error) {
	r := &Reading{coding: coding}
	for _, s := range b.segments {
		if namespace == pack.AllNamespaces || s.first.Namespace == namespace {
			r.segments = append(r.segments, s)
		}
	}
	last := lastLine(b.mark)
	var err error
	switch coding {
	case Gzip:
		r.head, r.tail = gzipEnds(r.segments, last)
	case Zstd:
		r.tail, err = zstdFrame(last)
	default:
		r.tail = last
	}
	if err != nil {
		return nil, err
	}
	r.Size = int64(len(r.head) + len(r.tail))
	for _, s := range r.segments {
		r.Size += s.size(coding)
	}
	return r, nil
}

func (s *segment) size(coding Coding) int64 {
	switch coding {
	case Gzip:
		return s.deflate.length
	case Zstd:
		return s.zstd.length
	}
	return s.plain
}

// gzipEnds makes what stands before and behind the segments in one gzip member (RFC 1952).
// The last line is a stored block, which also ends the DEFLATE stream (RFC 1951 3.2.4).
func gzipEnds(segments []*segment, last []byte) (head, tail []byte) {
	const unknown = 255 // the file system
	head = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, unknown}
	n := uint16(len(last))
	tail = binary.LittleEndian.AppendUint16([]byte{1}, n)
	tail = binary.LittleEndian.AppendUint16(tail, ^n)
	tail = append(tail, last...)
	crc, size := uint32(0), int64(0)
	for _, s := range segments {
		crc, size = combine(crc, s.crc, s.plain), size+s.plain
	}
	crc, size = combine(crc, crc32.ChecksumIEEE(last), int64(len(last))), size+int64(len(last))
	tail = binary.LittleEndian.AppendUint32(tail, crc)
	return head, binary.LittleEndian.AppendUint32(tail, uint32(size)) // modulo 2^32
}

func zstdFrame(b []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(zstd.MinWindowSize))
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "no compressor")
	}
	defer w.Close()
	return w.EncodeAll(b, nil), nil
}

// WriteTo implements io.WriterTo.
func (r *Reading) WriteTo(w io.Writer) (sent int64, err error) {
	write := func(b []byte) error {
		n, err := w.Write(b)
		sent += int64(n)
		return err
	}
	if err := write(r.head); err != nil {
		return sent, err
	}
	if r.coding == Plain {
		err = r.writePlain(write)
	} else {
		for _, p := range r.places() {
			n, perr := p.writeTo(w)
			sent += n
			if err = perr; err != nil {
				break
			}
		}
	}
	if err != nil {
		return sent, err
	}
	return sent, write(r.tail)
}

func (r *Reading) writePlain(write func([]byte) error) error {
	unpacker, err := newUnpacker()
	if err != nil {
		return err
	}
	defer unpacker.Close()
	var plain []byte
	for _, s := range r.segments {
		if plain, err = s.unpack(unpacker, plain); err != nil {
			return err
		}
		if err := write(plain); err != nil {
			return err
		}
	}
	return nil
}

// places are the segments in their coding; those that lie together in a file are one.
func (r *Reading) places() []place {
	var list []place
	for _, s := range r.segments {
		p := s.deflate
		if r.coding == Zstd {
			p = s.zstd
		}
		if n := len(list); n > 0 && list[n-1].file == p.file && list[n-1].offset+list[n-1].length == p.offset {
			list[n-1].length += p.length
			continue
		}
		list = append(list, p)
	}
	return list
}
