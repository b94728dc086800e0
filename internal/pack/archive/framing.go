package archive

import (
	"fmt"
	"hash/crc32"
	"strconv"
)

// The fixed lengths of a gzip member (RFC 1952) and of DEFLATE's stored blocks
// (RFC 1951, 3.2.4).
const (
	gzipHead    = 10
	gzipTail    = 8
	storedHead  = 5
	storedBlock = 1<<16 - 1
)

// layerTime is the modification time of everything in a Layer: 1980-01-01, the
// first that zip can tell, and no tar reader warns of it.
const layerTime = zipFirst

// storedMember is the length of a gzip member with n bytes in stored blocks; n is
// not 0.
func storedMember(n int64) int64 {
	return gzipHead + (n+storedBlock-1)/storedBlock*storedHead + n + gzipTail
}

// appendGzipHead appends a header without time, name or system.
func appendGzipHead(b []byte) []byte {
	return append(b, 0x1f, 0x8b, methodDeflate, 0, 0, 0, 0, 0, 0, 0xff)
}

// appendGzipTail appends a trailer; the size is kept modulo 2^32.
func appendGzipTail(b []byte, crc uint32, size int64) []byte {
	return le.AppendUint32(le.AppendUint32(b, crc), uint32(size))
}

// appendStoredHead appends the header of a stored block of n bytes.
func appendStoredHead(b []byte, n int, final bool) []byte {
	var bit byte
	if final {
		bit = 1
	}
	b = append(b, bit)
	b = le.AppendUint16(b, uint16(n))
	return le.AppendUint16(b, ^uint16(n))
}

// appendStoredMember appends data as a gzip member.
func appendStoredMember(b, data []byte) []byte {
	sum := crc32.ChecksumIEEE(data)
	size := int64(len(data))
	b = appendGzipHead(b)
	for len(data) > 0 {
		n := min(len(data), storedBlock)
		b = appendStoredHead(b, n, n == len(data))
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return appendGzipTail(b, sum, size)
}

// pieces gives the pieces of a section one after the other. Of a stored file
// there is one for each block, made when it is asked for.
func (s *section) pieces() func() (piece, bool) {
	const (
		head = iota
		frame
		content
		tail
		over
	)
	step := head
	var done int64 // of a stored file
	return func() (piece, bool) {
		switch step {
		case head:
			step = frame
			if s.dataLen() == 0 {
				step = over
			}
			return piece{bytes: appendStoredMember(make([]byte, 0, storedMember(s.plain)), s.head())}, true
		case frame:
			step = content
			var b []byte
			if done == 0 {
				b = appendGzipHead(b)
			}
			if s.file.Method == methodStored {
				n := min(s.file.Size-done, storedBlock)
				b = appendStoredHead(b, int(n), done+n == s.file.Size)
			}
			return piece{bytes: b}, true
		case content:
			p := piece{offset: s.file.Offset, length: s.file.Compressed}
			step = tail
			if s.file.Method == methodStored {
				p.offset += done
				p.length = min(s.file.Size-done, storedBlock)
				if done += p.length; done < s.file.Size {
					step = frame
				}
			}
			return p, true
		case tail:
			step = over
			return piece{bytes: appendGzipTail(nil, s.file.CRC32, s.file.Size)}, true
		}
		return piece{}, false
	}
}

// tarHeaderLen is the length of what appendTarHeader appends.
func tarHeaderLen(name string) int64 {
	if asciiName(name) {
		return tarBlock
	}
	n := int64(len(paxPath(name)))
	return tarBlock + n + -n&(tarBlock-1) + tarBlock
}

// appendTarHeader appends a ustar header, behind a pax header with the path where
// the name is too long or not ASCII.
func appendTarHeader(b []byte, name string, kind byte, mode, size int64) []byte {
	if asciiName(name) {
		return appendUstar(b, name, kind, mode, size)
	}
	records := paxPath(name)
	b = appendUstar(b, "././@PaxHeader", tarPax, 0o644, int64(len(records)))
	b = append(b, records...)
	b = append(b, make([]byte, -len(records)&(tarBlock-1))...)
	short := make([]byte, 0, 100) // for readers without pax
	for _, c := range []byte(name) {
		if c < 0x80 && len(short) < 99 {
			short = append(short, c)
		}
	}
	if kind == tarDir {
		short = append(short[:min(len(short), 98)], '/')
	}
	return appendUstar(b, string(short), kind, mode, size)
}

// paxPath is the record of a path; its length counts its own digits.
func paxPath(path string) string {
	rest := len(" path=\n") + len(path)
	n := rest + len(strconv.Itoa(rest))
	n = rest + len(strconv.Itoa(n))
	return strconv.Itoa(n) + " path=" + path + "\n"
}

// appendUstar appends one header block.
func appendUstar(b []byte, name string, kind byte, mode, size int64) []byte {
	var h [tarBlock]byte
	copy(h[:100], name)
	octal := func(field []byte, n int64) { copy(field, fmt.Sprintf("%0*o", len(field)-1, n)) }
	octal(h[100:108], mode)
	octal(h[108:116], 0)
	octal(h[116:124], 0)
	if size < 1<<33 {
		octal(h[124:136], size)
	} else { // GNU's form; eleven octal digits do not hold it
		h[124] = 0x80
		for i := range 8 {
			h[135-i] = byte(size >> (8 * i))
		}
	}
	octal(h[136:148], layerTime)
	h[156] = kind
	copy(h[257:], magicUstar)
	octal(h[329:337], 0)
	octal(h[337:345], 0)
	copy(h[148:156], "        ")
	var sum int64
	for _, c := range h {
		sum += int64(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return append(b, h[:]...)
}
