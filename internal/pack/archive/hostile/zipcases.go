package hostile

import "strings"

// text is content that compresses.
var text = strings.Repeat("all work and no play makes a dull pack\n", 20)

func file(name string) member { return member{name: name, data: text} }

// zipStructure are zips whose parts do not fit together.
func zipStructure() []Case {
	two := []member{file("a.txt"), file("b.txt")}
	whole := zipOf(two...)
	stub := archive{}.build()
	shared := archive{members: []member{file("a.txt"), {name: "a.txt", data: text, noLocal: true, central: func(h *header) { h.offset = 0; h.name = "b.txt" }}}}
	// The quoted-overlap bomb: the first entry's data holds the second entry.
	inner := zipOf(member{name: "b.txt", data: "b", stored: true})
	quoted := archive{members: []member{
		{name: "a.txt", data: string(inner[:36]), stored: true},
		{name: "b.txt", data: "b", stored: true, noLocal: true, central: func(h *header) { h.offset = 35 }},
	}}
	return []Case{
		{Name: "zip/no end record", Rule: "archive-truncated", Bytes: whole[:len(whole)-22]},
		{Name: "zip/cut in the end record", Rule: "archive-truncated", Bytes: whole[:len(whole)-5]},
		{Name: "zip/cut in the middle", Rule: "archive-truncated", Bytes: whole[:len(whole)/2]},
		{Name: "zip/cut at the front", Rule: "archive-prefix", Bytes: whole[10:]},
		{Name: "zip/bytes before, offsets right", Rule: "archive-prefix", Bytes: archive{prefix: "MZ program", members: two}.build()},
		{Name: "zip/bytes before, offsets shifted", Rule: "archive-prefix", Bytes: append([]byte("#!/bin/sh\n"), whole...)},
		{Name: "zip/local header before the first entry", Rule: "archive-prefix", Bytes: archive{prefix: "PK\x03\x04 junk", members: two}.build()},
		{Name: "zip/split marker", Rule: "archive-prefix", Bytes: archive{prefix: "PK\x07\x08", members: two}.build()},
		{Name: "zip/hidden entry before the first", Rule: "archive-prefix", Bytes: archive{prefix: string(inner[:36]), members: two}.build()},
		{Name: "zip/bytes after", Rule: "archive-trailing-bytes", Bytes: archive{members: two, trailing: "\n"}.build()},
		{Name: "zip/zero bytes after", Rule: "archive-trailing-bytes", Bytes: archive{members: two, trailing: strings.Repeat("\x00", 512)}.build()},
		{Name: "zip/comment shorter than told", Rule: "archive-truncated", Bytes: archive{members: two, end: func(b []byte) { b[20] = 9 }}.build()},
		{Name: "zip/gap between entries", Rule: "archive-gap", Bytes: zipOf(member{name: "a.txt", data: text, after: "gap"}, file("b.txt"))},
		{Name: "zip/hidden entry between entries", Rule: "archive-gap", Bytes: zipOf(member{name: "a.txt", data: text, after: string(inner[:36])}, file("b.txt"))},
		{Name: "zip/gap before the directory", Rule: "archive-gap", Bytes: zipOf(file("a.txt"), member{name: "b.txt", data: text, after: "gap"})},
		{Name: "zip/gap after the directory", Rule: "archive-gap", Bytes: archive{members: two, afterDir: "gap"}.build()},
		{Name: "zip/signature record after the directory", Rule: "archive-gap", Bytes: archive{members: two, afterDir: "PK\x05\x05\x01\x00x"}.build()},
		{Name: "zip/two end records", Rule: "archive-end-records", Bytes: archive{members: two, afterDir: string(stub)}.build()},
		{Name: "zip/end record in the comment", Rule: "archive-end-records", Bytes: archive{members: two, comment: string(stub)}.build()},
		{Name: "zip/end signature in the comment", Rule: "archive-end-records", Bytes: archive{members: two, comment: "see PK\x05\x06"}.build()},
		{Name: "zip/two zips joined", Rule: "archive-end-records", Bytes: append(append([]byte{}, whole...), zipOf(file("c.txt"))...)},
		{Name: "zip/end record in an entry's comment", Rule: "archive-end-records", Bytes: zipOf(file("a.txt"), member{name: "b.txt", data: text, central: func(h *header) { h.comment = stub }})},
		{Name: "zip/end record in an extra field", Rule: "archive-end-records", Bytes: zipOf(file("a.txt"), member{name: "b.txt", data: text, central: func(h *header) { h.extra = field(0x9999, stub) }})},
		{Name: "zip/more entries counted than there are", Rule: "archive-directory", Bytes: archive{members: two, end: func(b []byte) { b[8], b[10] = 3, 3 }}.build()},
		{Name: "zip/fewer entries counted than there are", Rule: "archive-directory", Bytes: archive{members: two, end: func(b []byte) { b[8], b[10] = 1, 1 }}.build()},
		{Name: "zip/no entries counted", Rule: "archive-directory", Bytes: archive{members: two, end: func(b []byte) { b[8], b[10] = 0, 0 }}.build()},
		{Name: "zip/directory outside the file", Rule: "archive-directory", Bytes: archive{members: two, end: func(b []byte) { b[18] = 0xff }}.build()},
		{Name: "zip/directory record damaged", Rule: "archive-directory", Bytes: zipOf(file("a.txt"), member{name: "b.txt", data: text, central: func(h *header) { h.sig++ }})},
		{Name: "zip/name longer than the directory", Rule: "archive-directory", Bytes: lengthen(whole)},
		{Name: "zip/entry outside the file", Rule: "archive-directory", Bytes: zipOf(member{name: "a.txt", data: text, central: func(h *header) { h.offset = 1 << 30 }})},
		{Name: "zip/several disks", Rule: "archive-multi-disk", Bytes: archive{members: two, end: func(b []byte) { b[4], b[6] = 1, 1 }}.build()},
		{Name: "zip/entries on another disk", Rule: "archive-multi-disk", Bytes: archive{members: two, end: func(b []byte) { b[8] = 1 }}.build()},
		{Name: "zip/entry on another disk", Rule: "archive-multi-disk", Bytes: zipOf(member{name: "a.txt", data: text, central: func(h *header) { h.disk = 2 }})},
		{Name: "zip/two entries on the same bytes", Rule: "archive-overlap", Bytes: shared.build()},
		{Name: "zip/an entry inside another's data", Rule: "archive-overlap", Bytes: quoted.build()},
		{Name: "zip/data runs into the directory", Rule: "archive-overlap", Bytes: zipOf(member{name: "a.txt", data: text, stored: true, central: longer, local: longer})},
		{Name: "zip/local header runs into the next entry", Rule: "archive-overlap", Bytes: zipOf(member{name: "a", stored: true, local: func(h *header) { h.extra = field(0x9999, nil) }, central: nil}, member{name: "b", central: func(h *header) { h.offset -= 2 }})},
	}
}

func longer(h *header) { h.compressed += 20; h.size += 20 }

// lengthen makes the last name of the directory longer than what is left of it.
func lengthen(zip []byte) []byte {
	b := append([]byte{}, zip...)
	at := strings.LastIndex(string(b), "PK\x01\x02")
	b[at+28] = 0xff
	return b
}

// zipHeaders are zips whose local headers say other things than the directory.
func zipHeaders() []Case {
	lie := func(f func(*header)) []byte { return zipOf(file("a.txt"), member{name: "b.txt", data: text, local: f}) }
	centre := func(f func(*header)) []byte {
		return zipOf(file("a.txt"), member{name: "b.txt", data: text, central: f})
	}
	descr := func(n int, tamper func([]byte), local func(*header)) []byte {
		return zipOf(member{name: "a.txt", data: text, descriptor: n, tamper: tamper, local: local}, file("b.txt"))
	}
	n64 := uint64(len(text))
	return []Case{
		{Name: "zip/another local name", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.name = "c.txt" })},
		{Name: "zip/another local name of other length", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.name = "../../etc/passwd" })},
		{Name: "zip/another local method", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.method = 0 })},
		{Name: "zip/another local CRC", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.crc++ })},
		{Name: "zip/another local size", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.size++ })},
		{Name: "zip/another local compressed size", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.compressed-- })},
		{Name: "zip/zero local sizes without descriptor", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.crc, h.size, h.compressed = 0, 0, 0 })},
		{Name: "zip/local UTF-8 flag only", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.flags |= 1 << 11 })},
		{Name: "zip/local encryption flag only", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.flags |= 1 })},
		{Name: "zip/local descriptor flag only", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.flags |= 8 })},
		{Name: "zip/no local header", Rule: "archive-header-mismatch", Bytes: lie(func(h *header) { h.sig++ })},
		{Name: "zip/encrypted", Rule: "archive-encrypted", Bytes: zipOf(member{name: "a.txt", data: text, flags: 1})},
		{Name: "zip/strong encryption", Rule: "archive-encrypted", Bytes: zipOf(member{name: "a.txt", data: text, flags: 1 << 6})},
		{Name: "zip/masked headers", Rule: "archive-encrypted", Bytes: zipOf(member{name: "a.txt", data: text, flags: 1 << 13})},
		{Name: "zip/patch data", Rule: "archive-method", Bytes: zipOf(member{name: "a.txt", data: text, flags: 1 << 5})},
		{Name: "zip/bzip2", Rule: "archive-method", Bytes: zipOf(method(12))},
		{Name: "zip/deflate64", Rule: "archive-method", Bytes: zipOf(method(9))},
		{Name: "zip/lzma", Rule: "archive-method", Bytes: zipOf(method(14))},
		{Name: "zip/zstd", Rule: "archive-method", Bytes: zipOf(method(93))},
		{Name: "zip/AES", Rule: "archive-method", Bytes: zipOf(method(99))},
		{Name: "zip/Unicode path differs", Rule: "archive-unicode-path", Bytes: centre(func(h *header) { h.extra = unicodePath("b.txt", "c.txt") })},
		{Name: "zip/Unicode path differs in the local header", Rule: "archive-unicode-path", Bytes: lie(func(h *header) { h.extra = unicodePath("b.txt", "c.txt") })},
		{Name: "zip/Unicode path of another version", Rule: "archive-unicode-path", Bytes: centre(func(h *header) { h.extra = field(0x7075, []byte("\x02....b.txt")) })},
		{Name: "zip/two Unicode paths", Rule: "archive-extra", Bytes: centre(func(h *header) { h.extra = append(unicodePath("b.txt", "b.txt"), unicodePath("b.txt", "b.txt")...) })},
		{Name: "zip/extra longer than its header", Rule: "archive-extra", Bytes: centre(func(h *header) { h.extra = []byte{0x99, 0x99, 9, 0, 1} })},
		{Name: "zip/extra with a rest", Rule: "archive-extra", Bytes: centre(func(h *header) { h.extra = []byte{1, 2, 3} })},
		{Name: "zip/two zip64 fields", Rule: "archive-extra", Bytes: centre(func(h *header) { h.size = 1<<32 - 1; h.extra = append(wide(n64), wide(n64)...) })},
		{Name: "zip/zip64 field disagrees", Rule: "archive-zip64", Bytes: centre(func(h *header) { h.extra = wide(n64 + 1) })},
		{Name: "zip/zip64 field missing", Rule: "archive-zip64", Bytes: centre(func(h *header) { h.size = 1<<32 - 1 })},
		{Name: "zip/zip64 field too long", Rule: "archive-zip64", Bytes: centre(func(h *header) { h.size = 1<<32 - 1; h.extra = wide(n64, n64) })},
		{Name: "zip/local zip64 field disagrees", Rule: "archive-zip64", Bytes: lie(func(h *header) { h.extra = wide(1, 1) })},
		{Name: "zip/zip64 end disagrees on entries", Rule: "archive-zip64", Bytes: end64(func(e, _ []byte) { e[24], e[32] = 1, 1 })},
		{Name: "zip/zip64 end disagrees on the offset", Rule: "archive-zip64", Bytes: end64(func(e, _ []byte) { e[48]++ })},
		{Name: "zip/zip64 end elsewhere", Rule: "archive-zip64", Bytes: end64(func(_, l []byte) { l[8]-- })},
		{Name: "zip/zip64 end malformed", Rule: "archive-zip64", Bytes: end64(func(e, _ []byte) { e[0]++ })},
		{Name: "zip/zip64 end with more data", Rule: "archive-zip64", Bytes: end64(func(e, _ []byte) { e[4]++ })},
		{Name: "zip/zip64 on two disks", Rule: "archive-multi-disk", Bytes: end64(func(_, l []byte) { l[16] = 2 })},
		{Name: "zip/saturated end without zip64", Rule: "archive-zip64", Bytes: archive{members: []member{file("a.txt")}, saturated: true}.build()},
		{Name: "zip/descriptor with another CRC", Rule: "archive-descriptor", Bytes: descr(16, func(b []byte) { b[4]++ }, nil)},
		{Name: "zip/descriptor with another size", Rule: "archive-descriptor", Bytes: descr(12, func(b []byte) { b[8]++ }, nil)},
		{Name: "zip/descriptor with another signature", Rule: "archive-descriptor", Bytes: descr(16, func(b []byte) { b[0]++ }, nil)},
		{Name: "zip/wide descriptor of a narrow entry", Rule: "archive-descriptor", Bytes: descr(24, nil, nil)},
		{Name: "zip/no descriptor", Rule: "archive-descriptor", Bytes: zipOf(member{name: "a.txt", data: text, flags: 8}, file("b.txt"))},
		{Name: "zip/bytes after the descriptor", Rule: "archive-descriptor", Bytes: zipOf(member{name: "a.txt", data: text, descriptor: 16, after: "x"}, file("b.txt"))},
	}
}

func method(n uint16) member {
	set := func(h *header) { h.method = n }
	return member{name: "a.txt", data: text, local: set, central: set}
}

func end64(tamper func(end64, locator []byte)) []byte {
	return archive{members: []member{file("a.txt"), file("b.txt")}, zip64: true, end64: tamper}.build()
}
