package archive

import (
	"compress/flate"
	"hash/crc32"
	"io"
)

// zip walks a zip: the end records, the whole central directory, then the file
// once from its first byte to the central directory. Every byte on the way must
// belong to exactly one entry.
func (w *walker) zip() error {
	end, err := w.zipEnd()
	if err != nil {
		return err
	}
	records, err := w.zipDirectory(end)
	if err != nil {
		return err
	}
	first := end.dirOffset
	if len(records) > 0 {
		first = records[0].offset
	}
	if first != 0 {
		return refuse(RulePrefix, "", "there are %d bytes before the zip's first entry; upload the plain zip", first)
	}
	// Declared sizes are not believed, but where even they are too much or
	// overlap, nothing needs to be unpacked to know.
	var declared int64
	next := func(i int) int64 {
		if i+1 < len(records) {
			return records[i+1].offset
		}
		return end.dirOffset
	}
	for i, c := range records {
		if c.size > w.lim.Unpacked-declared {
			return refuse(RuleLimitUnpacked, "", "the archive unpacks to more than %d bytes; pack less", w.lim.Unpacked)
		}
		declared += c.size
		if c.compressed+localLen+int64(len(c.name)) > next(i)-c.offset {
			return overlap(c)
		}
	}
	z := zipReader{walker: w}
	for i := range records {
		if err := z.entry(&records[i], next(i)); err != nil {
			return err
		}
	}
	return nil
}

func overlap(c central) error {
	return refuse(RuleOverlap, c.name, "the entry %q runs into the one after it; upload the archive again, or pack again", show(c.name))
}

// zipReader reads the entries of one zip, with one inflater for all.
type zipReader struct {
	*walker
	inflater io.ReadCloser
	crc      uint32
}

// entry reads the entry whose bytes must end exactly at next.
func (z *zipReader) entry(c *central, next int64) error {
	if err := cancelled(z.ctx); err != nil {
		return err
	}
	z.src.seek(c.offset, next)
	wide, err := z.localHeader(c)
	if err != nil {
		return err
	}
	start := z.src.pos()
	rest := next - start - c.compressed
	switch {
	case rest < 0:
		return overlap(*c)
	case rest > 0 && c.flags&flagDescriptor == 0:
		return refuse(RuleGap, c.name, "there are %d bytes after the entry %q that belong to none; pack again into a new archive", rest, show(c.name))
	}
	z.src.setEnd(start + c.compressed)
	z.crc = 0
	b := &body{
		w: z.walker, file: c.name, left: c.size, raw: z.src, short: RuleSize,
		sum:  func(p []byte) { z.crc = crc32.Update(z.crc, crc32.IEEETable, p) },
		done: func() error { return z.finish(c, start+c.compressed) },
	}
	if c.method == methodDeflate {
		if z.inflater == nil {
			z.inflater = flate.NewReader(z.src)
		} else if err := z.inflater.(flate.Resetter).Reset(z.src, nil); err != nil {
			return err
		}
		b.raw = z.inflater
	}
	if c.path == "" { // the root directory
		err = drain(b, z.scratch)
	} else {
		err = z.enter(&Entry{
			Path: c.path, Dir: c.dir, Executable: c.exec, Size: c.size,
			Offset: start, Compressed: c.compressed, Method: c.method, CRC32: c.crc,
		}, b)
	}
	if err != nil {
		return err
	}
	z.src.seek(start+c.compressed, next)
	if c.flags&flagDescriptor != 0 {
		return z.descriptor(c, int(min(rest, 64)), wide)
	}
	return nil
}

// finish checks what can be known once the content has ended.
func (z *zipReader) finish(c *central, end int64) error {
	if left := end - z.src.pos(); left != 0 {
		return refuse(RuleEntryTrailing, c.name, "there are %d bytes after the compressed data of %q; pack again", left, show(c.name))
	}
	if z.crc != c.crc {
		return refuse(RuleCRC, c.name, "the content of %q does not match its CRC-32; upload the archive again, or pack again", show(c.name))
	}
	return nil
}

// localHeader reads the local header and compares it with the central record.
// wide reports whether it has a zip64 field.
func (z *zipReader) localHeader(c *central) (wide bool, err error) {
	b, err := z.src.next(localLen)
	if err != nil {
		return false, z.localError(err, c)
	}
	if le.Uint32(b) != sigLocal {
		return false, refuse(RuleMismatch, c.name, "the central directory points to no local header for %q; upload the archive again, or pack again", show(c.name))
	}
	flags, method, crc := le.Uint16(b[6:]), le.Uint16(b[8:]), le.Uint32(b[14:])
	v := wideSizes{compressed: uint64(le.Uint32(b[18:])), size: uint64(le.Uint32(b[22:]))}
	nameLen, extraLen := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	if b, err = z.src.next(nameLen); err != nil {
		return false, z.localError(err, c)
	}
	mismatch := func(what string) (bool, error) {
		return false, refuse(RuleMismatch, c.name, "the local header of %q has another %s than the central directory; pack again", show(c.name), what)
	}
	switch {
	case string(b) != c.name:
		return mismatch("name")
	case (flags^c.flags)&^flagLevel != 0:
		return mismatch("set of flags")
	case method != c.method:
		return mismatch("compression method")
	}
	if b, err = z.src.next(extraLen); err != nil {
		return false, z.localError(err, c)
	}
	x, err := readExtra(b, c.name)
	if err != nil {
		return false, err
	}
	descriptor := c.flags&flagDescriptor != 0
	if !v.fromLocal(x, descriptor) {
		return false, refuse(RuleZip64, c.name, "the zip64 values of the local header of %q are malformed or disagree with the plain ones; pack again", show(c.name))
	}
	// Where a descriptor follows the data, the header may leave the values open.
	same := func(local, central uint64) bool { return local == central || descriptor && local == 0 }
	switch {
	case !same(uint64(crc), uint64(c.crc)):
		return mismatch("CRC-32")
	case !same(v.size, uint64(c.size)) || !same(v.compressed, uint64(c.compressed)):
		return mismatch("size")
	}
	return x.hasZip64, nil
}

// localError is that of a local header which runs into the next entry.
func (z *zipReader) localError(err error, c *central) error {
	if ended(err) {
		return overlap(*c)
	}
	return err
}

// descriptor checks the n bytes between the data and the next entry: CRC-32 and
// sizes, with or without a signature, the sizes of 8 bytes in a zip64 entry.
func (z *zipReader) descriptor(c *central, n int, wide bool) error {
	bad := func() error {
		return refuse(RuleDescriptor, c.name, "the data descriptor of %q is malformed or disagrees with the central directory; pack again", show(c.name))
	}
	if n != 12 && n != 16 && n != 20 && n != 24 {
		return bad()
	}
	b, err := z.src.next(n)
	if err != nil {
		return streamError(err, c.name)
	}
	if n == 16 || n == 24 {
		if le.Uint32(b) != sigDescr {
			return bad()
		}
		b = b[4:]
	}
	var compressed, size uint64
	if len(b) == 12 {
		compressed, size = uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
	} else {
		if !wide && c.size < saturated32 && c.compressed < saturated32 {
			return bad()
		}
		compressed, size = le.Uint64(b[4:]), le.Uint64(b[12:])
	}
	if le.Uint32(b) != c.crc || compressed != uint64(c.compressed) || size != uint64(c.size) {
		return bad()
	}
	return nil
}
