package hostile

import "strings"

// zipContent are zips whose data is not what the headers say of it.
func zipContent() []Case {
	both := func(m member, f func(*header)) []byte {
		m.local, m.central = f, f
		return zipOf(m, file("z.txt"))
	}
	good := deflate(text)
	damaged := append([]byte{}, good...)
	damaged[0] = 0x07 // a block type that does not exist
	return []Case{
		{Name: "zip/wrong CRC", Rule: "archive-crc", Bytes: both(file("a.txt"), func(h *header) { h.crc++ })},
		{Name: "zip/wrong CRC of a stored entry", Rule: "archive-crc", Bytes: both(member{name: "a.txt", data: text, stored: true}, func(h *header) { h.crc++ })},
		{Name: "zip/wrong CRC of an empty entry", Rule: "archive-crc", Bytes: both(member{name: "a.txt"}, func(h *header) { h.crc++ })},
		{Name: "zip/wrong CRC of a directory", Rule: "archive-crc", Bytes: both(member{name: "a/"}, func(h *header) { h.crc++ })},
		{Name: "zip/unpacks to more than told", Rule: "archive-size", Bytes: both(file("a.txt"), func(h *header) { h.size-- })},
		{Name: "zip/unpacks to less than told", Rule: "archive-size", Bytes: both(file("a.txt"), func(h *header) { h.size++ })},
		{Name: "zip/bomb that tells a small size", Rule: "archive-size", Bytes: both(member{name: "a.txt", data: strings.Repeat("\x00", 1<<20)}, func(h *header) { h.size = 100 })},
		{Name: "zip/stored sizes differ", Rule: "archive-size", Bytes: both(member{name: "a.txt", data: text, stored: true}, func(h *header) { h.size++ })},
		{Name: "zip/bytes after the deflate stream", Rule: "archive-entry-trailing-bytes", Bytes: both(member{name: "a.txt", data: text, raw: append(append([]byte{}, good...), "hidden"...)}, nil)},
		{Name: "zip/two deflate streams", Rule: "archive-entry-trailing-bytes", Bytes: both(member{name: "a.txt", data: text, raw: append(append([]byte{}, good...), good...)}, nil)},
		{Name: "zip/damaged deflate stream", Rule: "archive-deflate", Bytes: both(member{name: "a.txt", data: text, raw: damaged}, nil)},
		{Name: "zip/deflate stream cut", Rule: "archive-truncated", Bytes: both(member{name: "a.txt", data: text, raw: good[:len(good)-3]}, nil)},
		{Name: "zip/deflate stream without end", Rule: "archive-truncated", Bytes: both(member{name: "a.txt", data: text, raw: []byte{0, 0, 0, 0xff, 0xff}}, nil)},
		{Name: "zip/deflate stream of nothing", Rule: "archive-truncated", Bytes: both(member{name: "a.txt", data: text, raw: []byte{}}, nil)},
	}
}

// zipKinds are zips with entries that are neither files nor directories.
func zipKinds() []Case {
	mode := func(name string, mode uint32) []byte { return zipOf(member{name: name, data: "target", mode: mode}) }
	return []Case{
		{Name: "zip/symbolic link", Rule: "archive-link", Bytes: mode("a", 0o120777)},
		{Name: "zip/symbolic link of a DOS packer", Rule: "archive-link", Bytes: zipOf(member{name: "a", data: "b", mode: 0o120777, central: func(h *header) { h.made = 20 }})},
		{Name: "zip/character device", Rule: "archive-device", Bytes: mode("a", 0o020666)},
		{Name: "zip/block device", Rule: "archive-device", Bytes: mode("a", 0o060666)},
		{Name: "zip/pipe", Rule: "archive-device", Bytes: mode("a", 0o010666)},
		{Name: "zip/socket", Rule: "archive-device", Bytes: mode("a", 0o140666)},
		{Name: "zip/unknown kind", Rule: "archive-entry-type", Bytes: mode("a", 0o150666)},
		{Name: "zip/file by mode, directory by name", Rule: "archive-entry-type", Bytes: zipOf(member{name: "a/", mode: 0o100644})},
		{Name: "zip/directory by mode, file by name", Rule: "archive-entry-type", Bytes: zipOf(member{name: "a", mode: 0o040755})},
		{Name: "zip/directory by DOS attribute, file by name", Rule: "archive-entry-type", Bytes: zipOf(member{name: "a", central: func(h *header) { h.attrs = 0x10 }})},
		{Name: "zip/directory with content", Rule: "archive-entry-type", Bytes: zipOf(member{name: "a/", data: text})},
	}
}
