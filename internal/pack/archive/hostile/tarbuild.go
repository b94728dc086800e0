package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const block = 512

// entry is one header of a tar with its content.
type entry struct {
	name   string
	kind   byte // 0 is that of a plain file or, by a slash, a directory
	data   string
	size   string            // in place of the true size, as the field spells it
	tamper func(head []byte) // before the checksum is made
	sum    string            // in place of the true checksum
	pad    string            // in place of zero bytes
}

// appendTo appends the entry to a tar.
func (e entry) appendTo(b []byte) []byte {
	var h [block]byte
	kind := e.kind
	mode := "0000644"
	if kind == 0 {
		kind = '0'
		if strings.HasSuffix(e.name, "/") {
			kind, mode = '5', "0000755"
		}
	}
	size := e.size
	if size == "" {
		size = fmt.Sprintf("%011o", len(e.data))
	}
	copy(h[:100], e.name)
	copy(h[100:], mode)
	copy(h[108:], "0000000")
	copy(h[116:], "0000000")
	copy(h[124:136], size)
	copy(h[136:], "02263471400")
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	copy(h[329:], "0000000")
	copy(h[337:], "0000000")
	if e.tamper != nil {
		e.tamper(h[:])
	}
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	if e.sum != "" {
		copy(h[148:156], e.sum)
	}
	b = append(append(b, h[:]...), e.data...)
	pad := make([]byte, -len(e.data)&(block-1))
	copy(pad, e.pad)
	return append(b, pad...)
}

// rawTar is the entries without an end.
func rawTar(entries ...entry) []byte {
	var b []byte
	for _, e := range entries {
		b = e.appendTo(b)
	}
	return b
}

// zeroBlocks are n blocks of zero bytes.
func zeroBlocks(n int) []byte { return make([]byte, n*block) }

// tarOf is a whole tar.gz.
func tarOf(entries ...entry) []byte { return gz(append(rawTar(entries...), zeroBlocks(2)...)) }

// gz is one gzip member.
func gz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// gzHeader is a gzip member with other flags and with optional header parts.
func gzHeader(data []byte, flags byte, parts string) []byte {
	b := gz(data)
	head := append(append([]byte{}, b[:10]...), parts...)
	head[3] = flags
	return append(head, b[10:]...)
}

// headerCRC is the parts of a header with its CRC-16 behind them.
func headerCRC(data []byte, flags byte, parts string) string {
	head := gzHeader(data, flags, parts)[:10+len(parts)]
	return parts + string(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(head))))
}

// record is one pax record.
func record(key, value string) string {
	rest := len(" =\n") + len(key) + len(value)
	n := rest + len(strconv.Itoa(rest))
	n = rest + len(strconv.Itoa(n))
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// paxHeader is a header of the records; kind is 'x' or 'g'.
func paxHeader(kind byte, records ...string) entry {
	return entry{name: "././@PaxHeader", kind: kind, data: strings.Join(records, "")}
}

// longName is GNU tar's header of a long path.
func longName(name string) entry {
	return entry{name: "././@LongLink", kind: 'L', data: name + "\x00", tamper: gnu}
}

// gnu makes the header one of GNU tar's own format.
func gnu(h []byte) { copy(h[257:265], "ustar  \x00") }
