package archive

import (
	"bytes"
	"encoding/binary"
	"strings"
)

const tarBlock = 512

// Type flags (POSIX.1-1988 ustar, pax, GNU).
const (
	tarRegularOld = 0
	tarRegular    = '0'
	tarHardLink   = '1'
	tarSymlink    = '2'
	tarChar       = '3'
	tarBlockDev   = '4'
	tarDir        = '5'
	tarFifo       = '6'
	tarPax        = 'x'
	tarGlobal     = 'g'
	tarLongName   = 'L' // GNU tar writes it for paths over 100 bytes by default
	tarLongLink   = 'K'
	tarSparse     = 'S'
)

// The three values of the magic and version fields that are read. That of old
// Unix (v7) is empty.
const (
	magicUstar = "ustar\x0000"
	magicGNU   = "ustar  \x00"
	magicV7    = "\x00\x00\x00\x00\x00\x00\x00\x00"
)

// tarHeader is one header block.
type tarHeader struct {
	name  string
	kind  byte
	mode  int64
	size  int64
	mtime int64
}

// checksum reports whether the sum in the block is that of its bytes, the sum's
// own field taken as blanks.
func checksum(b []byte) bool {
	var sum int64
	for i, c := range b[:tarBlock] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	want, ok := tarNumber(b[148:156])
	return ok && want == sum
}

// readTarHeader reads one block whose checksum holds. ok is false where readers
// would not agree on what it says.
func readTarHeader(b []byte) (h tarHeader, ok bool) {
	magic := string(b[257:265])
	if magic != magicUstar && magic != magicGNU && magic != magicV7 {
		return h, false
	}
	h.kind = b[156]
	h.name = tarString(b[:100])
	good := true
	number := func(b []byte) int64 {
		n, ok := tarNumber(b)
		good = good && ok
		return n
	}
	h.mode, h.size, h.mtime = number(b[100:108]), number(b[124:136]), number(b[136:148])
	number(b[108:116]) // uid and gid mean nothing here, but must be readable
	number(b[116:124])
	if magic != magicV7 {
		number(b[329:337]) // device numbers
		number(b[337:345])
	}
	switch {
	case !good || h.size < 0:
		return h, false
	case magic == magicUstar && string(b[508:512]) == "tar\x00":
		return h, false // star's dialect has a shorter prefix
	case magic == magicUstar:
		if prefix := tarString(b[345:500]); prefix != "" {
			h.name = prefix + "/" + h.name
		}
	case magic == magicGNU && len(bytes.Trim(b[345:500], "\x00")) > 0:
		return h, false // times and sparse maps, which some readers take for a prefix
	}
	return h, true
}

// tarString is a field up to its first zero byte.
func tarString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// tarNumber reads a field: octal digits after blanks and before blanks or zeros,
// nothing at all for 0, or the GNU form, big-endian in two's complement with
// the top bit set before.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		return tarBinary(b)
	}
	digits := bytes.TrimLeft(bytes.TrimRight(b, " \x00"), " ")
	var n int64
	for _, c := range digits {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0') // 12 digits at most, 36 bits
	}
	return n, true
}

func tarBinary(b []byte) (int64, bool) {
	var fill byte
	if b[0]&0x40 != 0 {
		fill = 0xff
	}
	var wide [8]byte
	switch {
	case len(b) <= len(wide): // 8 bytes: the mark itself is taken off
		copy(wide[:], b)
		if fill == 0 {
			wide[0] &= 0x7f
		}
		return int64(binary.BigEndian.Uint64(wide[:])), true
	default:
		head, tail := b[:len(b)-8], b[len(b)-8:]
		for i, c := range head {
			if i == 0 && fill == 0 {
				c &= 0x7f
			}
			if c != fill {
				return 0, false
			}
		}
		if (tail[0]&0x80 != 0) != (fill != 0) {
			return 0, false
		}
		return int64(binary.BigEndian.Uint64(tail)), true
	}
}
