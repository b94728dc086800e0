package hostile

import "strings"

func tarFile(name string) entry { return entry{name: name, data: text} }

// tarStructure are tar.gz whose frame is broken.
func tarStructure() []Case {
	raw := rawTar(tarFile("a.txt"), tarFile("b.txt"))
	whole := append(append([]byte{}, raw...), zeroBlocks(2)...)
	good := gz(whole)
	flip := func(at int) []byte {
		b := append([]byte{}, good...)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x10
		return b
	}
	plus := func(tail string) []byte { return append(append([]byte{}, good...), tail...) }
	end := string(archive{}.build())
	return []Case{
		{Name: "tar/gzip cut in the trailer", Rule: "archive-truncated", Bytes: good[:len(good)-3]},
		{Name: "tar/gzip cut in the data", Rule: "archive-truncated", Bytes: good[:len(good)/2]},
		{Name: "tar/gzip cut in the header", Rule: "archive-truncated", Bytes: good[:7]},
		{Name: "tar/gzip wrong CRC", Rule: "archive-gzip-trailer", Bytes: flip(-8)},
		{Name: "tar/gzip wrong length", Rule: "archive-gzip-trailer", Bytes: flip(-4)},
		{Name: "tar/gzip of another method", Rule: "archive-gzip-header", Bytes: flip(2)[:len(good)]},
		{Name: "tar/gzip reserved flag", Rule: "archive-gzip-header", Bytes: gzHeader(whole, 0x20, "")},
		{Name: "tar/gzip wrong header CRC", Rule: "archive-gzip-header", Bytes: gzHeader(whole, 2, "\x00\x00")},
		{Name: "tar/gzip endless name", Rule: "archive-gzip-header", Bytes: gzHeader(whole, 8, strings.Repeat("n", 4096)+"\x00")},
		{Name: "tar/gzip extra field cut", Rule: "archive-truncated", Bytes: gzHeader(nil, 4, "\xff\xff")},
		{Name: "tar/damaged deflate stream", Rule: "archive-deflate", Bytes: append(append([]byte{}, good[:10]...), 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{Name: "tar/bytes after the gzip", Rule: "archive-trailing-bytes", Bytes: plus("trailing garbage")},
		{Name: "tar/a few bytes after the gzip", Rule: "archive-trailing-bytes", Bytes: plus("x")},
		{Name: "tar/zero bytes after the gzip", Rule: "archive-trailing-bytes", Bytes: plus(strings.Repeat("\x00", 512))},
		{Name: "tar/start of another member", Rule: "archive-trailing-bytes", Bytes: plus("\x1f\x8b")},
		{Name: "tar/second member damaged", Rule: "archive-truncated", Bytes: plus(string(gz(zeroBlocks(1))[:15]))},
		{Name: "tar/zip behind the tar.gz", Rule: "archive-polyglot", Bytes: plus(string(zipOf(file("a.txt"))))},
		{Name: "tar/zip end record in a last member's name", Rule: "archive-polyglot", Bytes: polyglot(whole, end)},
		{Name: "tar/no closing blocks", Rule: "archive-tar-end", Bytes: gz(raw)},
		{Name: "tar/one closing block", Rule: "archive-tar-end", Bytes: gz(append(append([]byte{}, raw...), zeroBlocks(1)...))},
		{Name: "tar/half a closing block", Rule: "archive-tar-end", Bytes: gz(append(append([]byte{}, raw...), zeroBlocks(2)[:700]...))},
		{Name: "tar/entry after one zero block", Rule: "archive-tar-end", Bytes: gz(append(append(append([]byte{}, raw...), zeroBlocks(1)...), whole...))},
		{Name: "tar/two tars joined", Rule: "archive-tar-end", Bytes: gz(append(append([]byte{}, whole...), whole...))},
		{Name: "tar/two tars in two members", Rule: "archive-tar-end", Bytes: plus(string(gz(rawTar(tarFile("c.txt")))))},
		{Name: "tar/a byte after the end", Rule: "archive-tar-end", Bytes: gz(append(append([]byte{}, whole...), 1))},
		{Name: "tar/cut in the content", Rule: "archive-truncated", Bytes: gz(raw[:block+10])},
		{Name: "tar/cut in the padding", Rule: "archive-truncated", Bytes: gz(raw[:block+len(text)+1])},
		{Name: "tar/cut in a header", Rule: "archive-tar-end", Bytes: gz(raw[:len(raw)/2+100])},
		{Name: "tar/padding not zero", Rule: "archive-padding", Bytes: tarOf(entry{name: "a.txt", data: text, pad: "hidden"})},
	}
}

// polyglot is a tar.gz whose last member, empty, has a zip end record in its
// extra field; its comment takes in the rest of the file.
func polyglot(tar []byte, end string) []byte {
	b := []byte(end)
	last := gzHeader(nil, 0, "")
	b[20] = byte(len(last) - 10)
	return append(gz(tar), gzHeader(nil, 4, string(le.AppendUint16(nil, uint16(len(b))))+string(b))...)
}

// tarHeaders are tars with headers that readers could take differently, and with
// entries that are neither files nor directories.
func tarHeaders() []Case {
	with := func(f func([]byte)) []byte {
		return tarOf(tarFile("a.txt"), entry{name: "b.txt", data: text, tamper: f})
	}
	kind := func(k byte) []byte { return tarOf(tarFile("a.txt"), entry{name: "b.txt", kind: k}) }
	return []Case{
		{Name: "tar/wrong checksum", Rule: "archive-tar-checksum", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", sum: "000001\x00 "})},
		{Name: "tar/no checksum", Rule: "archive-tar-checksum", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", sum: strings.Repeat("\x00", 8)})},
		{Name: "tar/negative size", Rule: "archive-tar-header", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", size: strings.Repeat("\xff", 12)})},
		{Name: "tar/size beyond all bounds", Rule: "archive-tar-header", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", size: "\x80\xff" + strings.Repeat("\xff", 10)})},
		{Name: "tar/size not octal", Rule: "archive-tar-header", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", size: "00000000009"})},
		{Name: "tar/digits after the size", Rule: "archive-tar-header", Bytes: tarOf(tarFile("a.txt"), entry{name: "b.txt", size: "0\x0000000010"})},
		{Name: "tar/mode not octal", Rule: "archive-tar-header", Bytes: with(func(h []byte) { copy(h[100:], "rw-r--r") })},
		{Name: "tar/device number not octal", Rule: "archive-tar-header", Bytes: with(func(h []byte) { copy(h[329:], "x") })},
		{Name: "tar/unknown magic", Rule: "archive-tar-header", Bytes: with(func(h []byte) { copy(h[257:265], "ustarX00") })},
		{Name: "tar/unknown version", Rule: "archive-tar-header", Bytes: with(func(h []byte) { copy(h[257:265], "ustar\x0099") })},
		{Name: "tar/star dialect", Rule: "archive-tar-header", Bytes: with(func(h []byte) { copy(h[508:], "tar\x00") })},
		{Name: "tar/prefix in a GNU header", Rule: "archive-tar-header", Bytes: with(func(h []byte) { gnu(h); copy(h[345:], "dir") })},
		{Name: "tar/more content than there is", Rule: "archive-truncated", Bytes: tarOf(entry{name: "a.txt", size: "00000077777"})},
		{Name: "tar/symbolic link", Rule: "archive-link", Bytes: kind('2')},
		{Name: "tar/hard link", Rule: "archive-link", Bytes: kind('1')},
		{Name: "tar/long link", Rule: "archive-link", Bytes: kind('K')},
		{Name: "tar/character device", Rule: "archive-device", Bytes: kind('3')},
		{Name: "tar/block device", Rule: "archive-device", Bytes: kind('4')},
		{Name: "tar/pipe", Rule: "archive-device", Bytes: kind('6')},
		{Name: "tar/GNU sparse file", Rule: "archive-sparse", Bytes: tarOf(entry{name: "b.txt", kind: 'S', tamper: gnu})},
		{Name: "tar/contiguous file", Rule: "archive-entry-type", Bytes: kind('7')},
		{Name: "tar/GNU directory dump", Rule: "archive-entry-type", Bytes: kind('D')},
		{Name: "tar/GNU volume", Rule: "archive-entry-type", Bytes: kind('V')},
		{Name: "tar/GNU continued file", Rule: "archive-entry-type", Bytes: kind('M')},
		{Name: "tar/Solaris extended header", Rule: "archive-entry-type", Bytes: kind('X')},
		{Name: "tar/unknown kind", Rule: "archive-entry-type", Bytes: kind('?')},
		{Name: "tar/file by type, directory by name", Rule: "archive-entry-type", Bytes: tarOf(entry{name: "a/", kind: '0'})},
		{Name: "tar/directory with content", Rule: "archive-entry-type", Bytes: tarOf(entry{name: "a/", data: text})},
	}
}

// tarExtended are tars with pax and GNU headers that do not make one clear entry.
func tarExtended() []Case {
	x := func(records ...string) []byte { return tarOf(paxHeader('x', records...), tarFile("a.txt")) }
	global := func(records ...string) []byte { return tarOf(paxHeader('g', records...), tarFile("a.txt")) }
	path := record("path", "long.txt")
	return []Case{
		{Name: "tar/pax record without length", Rule: "archive-pax", Bytes: x("path=b.txt\n")},
		{Name: "tar/pax record too long", Rule: "archive-pax", Bytes: x("99 path=b.txt\n")},
		{Name: "tar/pax record too short", Rule: "archive-pax", Bytes: x("5 path=b.txt\n")},
		{Name: "tar/pax record of length zero", Rule: "archive-pax", Bytes: x("0 path=b.txt\n")},
		{Name: "tar/pax record without key", Rule: "archive-pax", Bytes: x("5 =b\n")},
		{Name: "tar/pax record without newline", Rule: "archive-pax", Bytes: x("13 path=b.txtx")},
		{Name: "tar/pax length with a sign", Rule: "archive-pax", Bytes: x("+15 path=b.txt\n")},
		{Name: "tar/pax path with a zero byte", Rule: "archive-pax", Bytes: x(record("path", "a\x00b"))},
		{Name: "tar/pax path empty", Rule: "archive-pax", Bytes: x(record("path", ""))},
		{Name: "tar/pax path twice", Rule: "archive-pax", Bytes: x(path, record("path", "other.txt"))},
		{Name: "tar/pax size differs", Rule: "archive-pax", Bytes: x(record("size", "0"))},
		{Name: "tar/pax size hides an entry", Rule: "archive-pax", Bytes: tarOf(paxHeader('x', record("size", "1024")), entry{name: "a.txt"}, entry{name: "hidden.txt", data: "x"})},
		{Name: "tar/pax size negative", Rule: "archive-pax", Bytes: x(record("size", "-1"))},
		{Name: "tar/pax size not decimal", Rule: "archive-pax", Bytes: x(record("size", "1e3"))},
		{Name: "tar/pax time malformed", Rule: "archive-pax", Bytes: x(record("mtime", "now"))},
		{Name: "tar/pax sparse file", Rule: "archive-sparse", Bytes: x(record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0"), record("GNU.sparse.name", "b.txt"))},
		{Name: "tar/pax header too long", Rule: "archive-pax", Bytes: x(record("comment", strings.Repeat("x", 1<<20+1)))},
		{Name: "tar/pax header of no entry", Rule: "archive-pax", Bytes: tarOf(tarFile("a.txt"), paxHeader('x', path))},
		{Name: "tar/two pax headers", Rule: "archive-pax", Bytes: tarOf(paxHeader('x', path), paxHeader('x', record("mtime", "1")), tarFile("a.txt"))},
		{Name: "tar/global path", Rule: "archive-pax", Bytes: global(path)},
		{Name: "tar/global size", Rule: "archive-pax", Bytes: global(record("size", "1"))},
		{Name: "tar/global header inside an entry", Rule: "archive-pax", Bytes: tarOf(paxHeader('x', path), paxHeader('g', record("comment", "x")), tarFile("a.txt"))},
		{Name: "tar/two long names", Rule: "archive-pax", Bytes: tarOf(longName("b.txt"), longName("c.txt"), tarFile("a.txt"))},
		{Name: "tar/long name and pax path", Rule: "archive-pax", Bytes: tarOf(longName("b.txt"), paxHeader('x', path), tarFile("a.txt"))},
		{Name: "tar/long name of no entry", Rule: "archive-pax", Bytes: tarOf(tarFile("a.txt"), longName("b.txt"))},
		{Name: "tar/long name empty", Rule: "archive-pax", Bytes: tarOf(longName(""), tarFile("a.txt"))},
		{Name: "tar/long name with two names", Rule: "archive-pax", Bytes: tarOf(longName("b\x00c"), tarFile("a.txt"))},
		{Name: "tar/long name too long", Rule: "archive-pax", Bytes: tarOf(longName(strings.Repeat("x", 1<<20+1)), tarFile("a.txt"))},
		{Name: "tar/traversal in a pax path", Rule: "archive-path-traversal", Bytes: x(record("path", "../../etc/passwd"))},
		{Name: "tar/traversal in a long name", Rule: "archive-path-traversal", Bytes: tarOf(longName("a/../../b"), tarFile("a.txt"))},
		{Name: "tar/traversal over a prefix", Rule: "archive-path-traversal", Bytes: tarOf(entry{name: "b", tamper: func(h []byte) { copy(h[345:], "a/..") }})},
	}
}
