package hostile

import "strings"

// lawfulZip are odd zips that common tools write; they must be accepted.
func lawfulZip() []Case {
	n := uint64(len(text))
	c := uint64(len(deflate(text)))
	open := func(h *header) { h.crc, h.compressed, h.size = 0, 1<<32-1, 1<<32-1; h.extra = wide(0, 0) }
	return []Case{
		{Name: "zip/lawful/empty", Bytes: zipOf()},
		{Name: "zip/lawful/one file", Bytes: zipOf(file("a.txt"))},
		{Name: "zip/lawful/stored", Bytes: zipOf(member{name: "a.txt", data: text, stored: true})},
		{Name: "zip/lawful/empty file deflated", Bytes: zipOf(member{name: "a.txt", raw: deflate(""), local: deflated, central: deflated})},
		{Name: "zip/lawful/directories", Bytes: zipOf(member{name: "a/"}, file("a/b.txt"), member{name: "c/d/"})},
		{Name: "zip/lawful/directory after its file", Bytes: zipOf(file("a/b.txt"), member{name: "a/"})},
		{Name: "zip/lawful/directory deflated", Bytes: zipOf(member{name: "a/", raw: deflate(""), local: deflated, central: deflated})},
		{Name: "zip/lawful/root directory", Bytes: zipOf(member{name: "./"}, file("./a.txt"))},
		{Name: "zip/lawful/executable", Bytes: zipOf(member{name: "run.sh", data: text, mode: 0o100755})},
		{Name: "zip/lawful/no Unix mode", Bytes: zipOf(member{name: "a.txt", data: text, central: func(h *header) { h.made, h.attrs = 20, 0x20 }})},
		{Name: "zip/lawful/comment", Bytes: archive{members: []member{file("a.txt")}, comment: "made by hand"}.build()},
		{Name: "zip/lawful/longest comment", Bytes: archive{members: []member{file("a.txt")}, comment: strings.Repeat("c", 65535)}.build()},
		{Name: "zip/lawful/entry comment", Bytes: zipOf(member{name: "a.txt", data: text, central: func(h *header) { h.comment = []byte("hello") }})},
		{Name: "zip/lawful/a zip inside, stored", Bytes: zipOf(member{name: "inner.zip", data: string(zipOf(file("b.txt"))), stored: true})},
		{Name: "zip/lawful/UTF-8 with flag", Bytes: zipOf(member{name: "\u00fc.txt", data: text, flags: 1 << 11})},
		{Name: "zip/lawful/UTF-8 without flag", Bytes: zipOf(file("\u00fc.txt"))},
		{Name: "zip/lawful/Unicode path repeats the name", Bytes: zipOf(member{name: "\u00fc.txt", data: text, central: func(h *header) { h.extra = unicodePath("\u00fc.txt", "\u00fc.txt") }})},
		{Name: "zip/lawful/descriptor of 12 bytes", Bytes: zipOf(member{name: "a.txt", data: text, descriptor: 12}, file("b.txt"))},
		{Name: "zip/lawful/descriptor of 16 bytes", Bytes: zipOf(member{name: "a.txt", data: text, descriptor: 16}, file("b.txt"))},
		{Name: "zip/lawful/stored with descriptor", Bytes: zipOf(member{name: "a.txt", data: text, stored: true, descriptor: 16}, file("b.txt"))},
		{Name: "zip/lawful/wide descriptor of 24 bytes", Bytes: zipOf(member{name: "a.txt", data: text, descriptor: 24, local: open}, file("b.txt"))},
		{Name: "zip/lawful/wide descriptor of 20 bytes", Bytes: zipOf(member{name: "a.txt", data: text, descriptor: 20, local: open}, file("b.txt"))},
		{Name: "zip/lawful/zip64 end", Bytes: archive{members: []member{file("a.txt")}, zip64: true}.build()},
		{Name: "zip/lawful/zip64 end, plain one saturated", Bytes: archive{members: []member{file("a.txt")}, zip64: true, saturated: true}.build()},
		{Name: "zip/lawful/zip64 sizes", Bytes: zipOf(member{name: "a.txt", data: text, local: saturate(wide(n, c)), central: saturate(wide(n, c))})},
		{Name: "zip/lawful/level flags differ", Bytes: zipOf(member{name: "a.txt", data: text, local: func(h *header) { h.flags |= 2 }})},
		{Name: "zip/lawful/unknown extra", Bytes: zipOf(member{name: "a.txt", data: text, local: func(h *header) { h.extra = field(0x5455, []byte{1, 0, 0, 0, 0}) }})},
		{Name: "zip/lawful/extra padded", Bytes: zipOf(member{name: "a.txt", data: text, local: func(h *header) { h.extra = []byte{0, 0, 0} }})},
		{Name: "zip/lawful/longest path", Bytes: zipOf(file(longest()))},
		{Name: "zip/lawful/deepest path", Bytes: zipOf(file(deepest()))},
		{Name: "zip/lawful/all kinds", Bytes: allKinds()},
		{Name: "zip/lawful/dots in names", Bytes: zipOf(file("..."), file("..a"), file(".hidden"))},
	}
}

// allKinds is a zip with a member of each lawful kind: deflated, stored and over
// a block long, empty, executable, deep, with a long name and one beyond ASCII.
func allKinds() []byte {
	noise := make([]byte, 200_001)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	return zipOf(
		file("pack.json"),
		member{name: "charts/"},
		member{name: "charts/noise.tgz", data: string(noise), stored: true},
		member{name: "charts/deflated.tgz", data: string(noise)},
		member{name: "charts/block.bin", data: string(noise[:65535]), stored: true},
		member{name: "empty"},
		member{name: "empty deflated", raw: deflate(""), local: deflated, central: deflated},
		member{name: "bin/run.sh", data: text, mode: 0o100755, descriptor: 16},
		member{name: "a/b/c/d/e.txt", data: "x", stored: true},
		member{name: strings.Repeat("long/", 30) + "name.txt", data: text},
		member{name: "\u00fc\u00f1\u00ef/\u4e16\u754c.txt", data: text, flags: 1 << 11},
		member{name: "block512", data: strings.Repeat("b", block), stored: true},
	)
}

func deflated(h *header) { h.method = 8 }

func saturate(extra []byte) func(*header) {
	return func(h *header) { h.compressed, h.size, h.extra = 1<<32-1, 1<<32-1, extra }
}

// longest is a path of 1,023 bytes, in parts of 255.
func longest() string {
	part := strings.Repeat("x", 255)
	return strings.Join([]string{part, part, part, part}, "/")
}

// deepest is a path of 64 parts.
func deepest() string { return strings.Repeat("d/", 63) + "f" }

// lawfulTar are odd tar.gz that common tools write; they must be accepted.
func lawfulTar() []Case {
	raw := rawTar(tarFile("a.txt"))
	whole := append(append([]byte{}, raw...), zeroBlocks(2)...)
	split := func(at int) []byte { return append(gz(whole[:at]), gz(whole[at:])...) }
	fname := "pack.tar\x00"
	return []Case{
		{Name: "tar/lawful/empty", Bytes: gz(zeroBlocks(2))},
		{Name: "tar/lawful/one file", Bytes: tarOf(tarFile("a.txt"))},
		{Name: "tar/lawful/record of 20 blocks", Bytes: gz(append(append([]byte{}, raw...), zeroBlocks(17)...))},
		{Name: "tar/lawful/root directory", Bytes: tarOf(entry{name: "./"}, tarFile("./a.txt"))},
		{Name: "tar/lawful/directories", Bytes: tarOf(entry{name: "a/"}, tarFile("a/b.txt"), entry{name: "c", kind: '5'})},
		{Name: "tar/lawful/empty file", Bytes: tarOf(entry{name: "a.txt"})},
		{Name: "tar/lawful/old kind of file", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { h[156] = 0 }})},
		{Name: "tar/lawful/executable", Bytes: tarOf(entry{name: "run.sh", data: text, tamper: func(h []byte) { copy(h[100:], "0000755") }})},
		{Name: "tar/lawful/old Unix", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { clear(h[257:]) }})},
		{Name: "tar/lawful/GNU", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: gnu})},
		{Name: "tar/lawful/prefix", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { copy(h[345:], "dir/sub") }})},
		{Name: "tar/lawful/blanks in numbers", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { copy(h[108:], "     0 \x00") }})},
		{Name: "tar/lawful/binary numbers", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { copy(h[108:], "\x80\x00\x00\x00\x7f\xff\xff\xff") }})},
		{Name: "tar/lawful/time before 1970", Bytes: tarOf(entry{name: "a.txt", data: text, tamper: func(h []byte) { copy(h[136:], strings.Repeat("\xff", 12)) }})},
		{Name: "tar/lawful/pax path", Bytes: tarOf(paxHeader('x', record("path", "\u00fc/"+strings.Repeat("x", 120)), record("mtime", "1700000000.5")), tarFile("short"))},
		{Name: "tar/lawful/pax size agrees", Bytes: tarOf(paxHeader('x', record("size", "780")), tarFile("a.txt"))},
		{Name: "tar/lawful/pax attributes", Bytes: tarOf(paxHeader('x', record("SCHILY.xattr.user.a", "\x00\x01"), record("LIBARCHIVE.creationtime", "1")), tarFile("a.txt"))},
		{Name: "tar/lawful/global comment", Bytes: tarOf(paxHeader('g', record("comment", "0123456789abcdef")), tarFile("a.txt"))},
		{Name: "tar/lawful/GNU long name", Bytes: tarOf(longName("dir/"+strings.Repeat("x", 120)), entry{name: "dir/xxx", data: text, tamper: gnu})},
		{Name: "tar/lawful/two members", Bytes: split(100)},
		{Name: "tar/lawful/members between blocks", Bytes: split(block)},
		{Name: "tar/lawful/empty member at the end", Bytes: append(gz(whole), gz(nil)...)},
		{Name: "tar/lawful/gzip name", Bytes: gzHeader(whole, 8, fname)},
		{Name: "tar/lawful/gzip extra, name, comment and CRC", Bytes: gzHeader(whole, 0x1f, headerCRC(whole, 0x1f, "\x02\x00ab"+fname+"hi\x00"))},
	}
}

// neither are bytes that are no archive.
func neither() []Case {
	return []Case{
		{Name: "neither/nothing", Rule: Unsupported},
		{Name: "neither/text", Rule: Unsupported, Bytes: []byte(text)},
		{Name: "neither/three bytes", Rule: Unsupported, Bytes: []byte("PK\x03")},
		{Name: "neither/plain tar", Rule: Unsupported, Bytes: append(rawTar(tarFile("a.txt")), zeroBlocks(2)...)},
		{Name: "neither/gzip of text", Rule: Unsupported, Bytes: gz([]byte(text))},
		{Name: "neither/gzip of a little text", Rule: Unsupported, Bytes: gz([]byte("hi"))},
		{Name: "neither/gzip of nothing", Rule: Unsupported, Bytes: gz(nil)},
		{Name: "neither/xz", Rule: Unsupported, Bytes: []byte("\xfd7zXZ\x00\x00\x04")},
		{Name: "neither/7z", Rule: Unsupported, Bytes: []byte("7z\xbc\xaf\x27\x1c\x00\x04")},
	}
}
