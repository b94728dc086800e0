package hostile

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

var le = binary.LittleEndian

// header is a local or central header of a zip, before it is written.
type header struct {
	sig              uint32
	made, need       uint16
	flags, method    uint16
	crc              uint32
	compressed, size uint32
	name             string
	extra, comment   []byte
	disk             uint16
	attrs            uint32
	offset           uint32
}

// member is one entry of a zip. By default it is deflated and true; the hooks
// make its headers lie.
type member struct {
	name       string
	data       string
	stored     bool
	mode       uint32 // Unix mode; 0 is a plain file's or a directory's
	raw        []byte // the compressed data, in place of the true one
	flags      uint16
	local      func(*header)
	central    func(*header)
	descriptor int // 12, 16, 20 or 24 bytes; 0 is none
	tamper     func(descriptor []byte)
	after      string // bytes behind the entry
	noLocal    bool   // only the central directory speaks of it
}

// archive is a zip. It is true where nothing is said.
type archive struct {
	members   []member
	prefix    string
	afterDir  string // between the central directory and the end record
	comment   string
	trailing  string
	zip64     bool // write a zip64 end record and locator
	saturated bool // and saturated values in the plain end record
	end       func(end []byte)
	end64     func(end64, locator []byte)
}

// zipOf builds a zip of true members.
func zipOf(members ...member) []byte { return archive{members: members}.build() }

func deflate(data string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := w.Write([]byte(data)); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// header is the true header of the member.
func (m member) header() (header, []byte) {
	raw, method := []byte(m.data), uint16(0)
	if !m.stored && m.data != "" {
		raw, method = deflate(m.data), 8
	}
	if m.raw != nil {
		raw = m.raw
	}
	mode := m.mode
	switch {
	case mode != 0:
	case len(m.name) > 0 && m.name[len(m.name)-1] == '/':
		mode = 0o040755
	default:
		mode = 0o100644
	}
	h := header{
		made: 3<<8 | 20, need: 20, flags: m.flags, method: method, name: m.name,
		crc: crc32.ChecksumIEEE([]byte(m.data)), compressed: uint32(len(raw)), size: uint32(len(m.data)), attrs: mode << 16,
	}
	if m.descriptor != 0 {
		h.flags |= 8
	}
	return h, raw
}

func (h header) appendLocal(b []byte) []byte {
	b = le.AppendUint32(b, h.sig)
	for _, v := range []uint16{h.need, h.flags, h.method, 0, 0x21} { // 1980-01-01
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{h.crc, h.compressed, h.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(len(h.name)))
	b = le.AppendUint16(b, uint16(len(h.extra)))
	b = append(b, h.name...)
	return append(b, h.extra...)
}

func (h header) appendCentral(b []byte) []byte {
	b = le.AppendUint32(b, h.sig)
	for _, v := range []uint16{h.made, h.need, h.flags, h.method, 0, 0x21} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{h.crc, h.compressed, h.size} {
		b = le.AppendUint32(b, v)
	}
	for _, v := range []uint16{uint16(len(h.name)), uint16(len(h.extra)), uint16(len(h.comment)), h.disk, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, h.attrs)
	b = le.AppendUint32(b, h.offset)
	b = append(b, h.name...)
	b = append(b, h.extra...)
	return append(b, h.comment...)
}

// appendDescriptor appends a data descriptor of n bytes.
func appendDescriptor(b []byte, h header, n int) []byte {
	if n == 16 || n == 24 {
		b = le.AppendUint32(b, 0x08074b50)
	}
	b = le.AppendUint32(b, h.crc)
	if n < 20 {
		return le.AppendUint32(le.AppendUint32(b, h.compressed), h.size)
	}
	return le.AppendUint64(le.AppendUint64(b, uint64(h.compressed)), uint64(h.size))
}

// build writes the zip.
func (a archive) build() []byte {
	b := []byte(a.prefix)
	var dir []byte
	for _, m := range a.members {
		h, raw := m.header()
		h.offset = uint32(len(b))
		if !m.noLocal {
			l := h
			l.sig = 0x04034b50
			if m.descriptor != 0 {
				l.crc, l.compressed, l.size = 0, 0, 0
			}
			if m.local != nil {
				m.local(&l)
			}
			b = append(l.appendLocal(b), raw...)
			if m.descriptor != 0 {
				at := len(b)
				b = appendDescriptor(b, h, m.descriptor)
				if m.tamper != nil {
					m.tamper(b[at:])
				}
			}
			b = append(b, m.after...)
		}
		h.sig = 0x02014b50
		if m.central != nil {
			m.central(&h)
		}
		dir = h.appendCentral(dir)
	}
	start := len(b)
	b = append(append(b, dir...), a.afterDir...)
	if a.zip64 {
		b = a.appendEnd64(b, start, len(dir))
	}
	end := le.AppendUint32(nil, 0x06054b50)
	n, size, offset := len(a.members), len(dir), start
	if a.saturated {
		n, size, offset = 0xffff, 0xffffffff, 0xffffffff
	}
	for _, v := range []int{0, 0, n, n} {
		end = le.AppendUint16(end, uint16(v))
	}
	end = le.AppendUint32(le.AppendUint32(end, uint32(size)), uint32(offset))
	end = le.AppendUint16(end, uint16(len(a.comment)))
	if a.end != nil {
		a.end(end)
	}
	b = append(append(b, end...), a.comment...)
	return append(b, a.trailing...)
}

// appendEnd64 appends the zip64 end record and its locator.
func (a archive) appendEnd64(b []byte, start, size int) []byte {
	at := len(b)
	end := le.AppendUint64(le.AppendUint32(nil, 0x06064b50), 44)
	end = le.AppendUint16(le.AppendUint16(end, 45), 45)
	end = le.AppendUint32(le.AppendUint32(end, 0), 0)
	for _, v := range []int{len(a.members), len(a.members), size, start} {
		end = le.AppendUint64(end, uint64(v))
	}
	loc := le.AppendUint32(le.AppendUint32(nil, 0x07064b50), 0)
	loc = le.AppendUint32(le.AppendUint64(loc, uint64(at)), 1)
	if a.end64 != nil {
		a.end64(end, loc)
	}
	return append(append(b, end...), loc...)
}

// field is one extra field.
func field(id uint16, data []byte) []byte {
	b := le.AppendUint16(le.AppendUint16(nil, id), uint16(len(data)))
	return append(b, data...)
}

// wide is a zip64 extra field of the values.
func wide(values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = le.AppendUint64(b, v)
	}
	return field(0x0001, b)
}

// unicodePath is the extra field 0x7075 of a header named plain.
func unicodePath(plain, name string) []byte {
	b := le.AppendUint32([]byte{1}, crc32.ChecksumIEEE([]byte(plain)))
	return field(0x7075, append(b, name...))
}
