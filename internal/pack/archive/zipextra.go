package archive

import (
	"bytes"
)

// Ids of extra fields (APPNOTE.TXT 4.5, 4.6.9). All others are ignored.
const (
	extraZip64       = 0x0001
	extraUnicodePath = 0x7075
)

// extra is what matters of a header's extra fields.
type extra struct {
	zip64    []byte // valid as long as the header's bytes
	hasZip64 bool
}

// readExtra checks the extra fields of one header; name is that of the header.
func readExtra(b []byte, name string) (extra, error) {
	var x extra
	var seenPath bool
	for len(b) >= 4 {
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if n > len(b)-4 {
			return x, refuse(RuleExtra, name, "an extra field of %q is longer than its header; pack again", show(name))
		}
		data := b[4 : 4+n]
		b = b[4+n:]
		switch id {
		case extraZip64:
			if x.hasZip64 {
				return x, refuse(RuleExtra, name, "the entry %q has two zip64 fields; pack again", show(name))
			}
			x.zip64, x.hasZip64 = data, true
		case extraUnicodePath:
			// One byte of version, four of the CRC-32 of the plain name, the name.
			if seenPath {
				return x, refuse(RuleExtra, name, "the entry %q has two Unicode-path fields; pack again", show(name))
			}
			seenPath = true
			if n < 5 || data[0] != 1 || string(data[5:]) != name {
				return x, refuse(RuleUnicodePath, name, "the entry %q has another name in its Unicode-path field; pack again with a tool that writes UTF-8 names", show(name))
			}
		}
	}
	// Alignment tools pad with up to three zero bytes.
	if len(bytes.Trim(b, "\x00")) > 0 {
		return x, refuse(RuleExtra, name, "the extra fields of %q are malformed; pack again", show(name))
	}
	return x, nil
}

// wideSizes are a header's values, to be widened by its zip64 field.
type wideSizes struct {
	size, compressed, offset uint64
	disk                     uint32
}

// fromCentral replaces the saturated values of a central record by those of the
// zip64 field, which must hold exactly them. Some packers write the field where
// nothing is saturated; then it must repeat the plain values.
func (v *wideSizes) fromCentral(x extra) bool {
	saturated := v.size == saturated32 || v.compressed == saturated32 || v.offset == saturated32 || v.disk == saturated16
	if !saturated {
		for i, plain := range []uint64{v.size, v.compressed, v.offset} {
			if len(x.zip64) >= 8*i+8 && le.Uint64(x.zip64[8*i:]) != plain {
				return false
			}
		}
		return len(x.zip64)%8 == 0 && len(x.zip64) <= 24
	}
	b := x.zip64
	for _, p := range []*uint64{&v.size, &v.compressed, &v.offset} {
		if *p != saturated32 {
			continue
		}
		if len(b) < 8 {
			return false
		}
		*p = le.Uint64(b)
		b = b[8:]
	}
	if v.disk == saturated16 {
		if len(b) < 4 {
			return false
		}
		v.disk = le.Uint32(b)
		b = b[4:]
	}
	return len(b) == 0
}

// fromLocal is the same for a local header, in which the field must hold both
// sizes. An unsaturated header may repeat its sizes there, or have zeros there
// when a data descriptor follows.
func (v *wideSizes) fromLocal(x extra, descriptor bool) bool {
	if !x.hasZip64 {
		return v.size != saturated32 && v.compressed != saturated32
	}
	if len(x.zip64) < 16 {
		return false
	}
	size, compressed := le.Uint64(x.zip64), le.Uint64(x.zip64[8:])
	fits := func(plain *uint64, wide uint64) bool {
		if *plain == saturated32 {
			*plain = wide
			return true
		}
		return wide == *plain || descriptor && wide == 0
	}
	return fits(&v.size, size) && fits(&v.compressed, compressed)
}
