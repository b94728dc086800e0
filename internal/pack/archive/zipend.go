package archive

import (
	"bytes"
	"encoding/binary"

	"packregistry/internal/pack"
)

// Lengths and signatures of APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16.
const (
	localLen     = 30
	centralLen   = 46
	endLen       = 22
	end64Len     = 56
	locatorLen   = 20
	maxComment   = 1<<16 - 1
	sigLocal     = 0x04034b50
	sigCentral   = 0x02014b50
	sigEnd       = 0x06054b50
	sigEnd64     = 0x06064b50
	sigLocator   = 0x07064b50
	sigDescr     = 0x08074b50
	saturated16  = 1<<16 - 1
	saturated32  = 1<<32 - 1
	endSignature = "PK\x05\x06"
)

var le = binary.LittleEndian

// zipEnd is what the end records say.
type zipEnd struct {
	entries   int64
	dirOffset int64
	dirSize   int64
	dirEnd    int64 // where the central directory must end: at the first end record
}

// tail reads the part of the file in which an end record can lie. It is bounded
// by the longest comment.
func (w *walker) tail() (b []byte, offset int64, err error) {
	n := min(w.src.size, endLen+maxComment)
	offset = w.src.size - n
	b = make([]byte, n)
	if read, err := w.src.src.ReadAt(b, offset); int64(read) < n {
		return nil, 0, pack.Wrap(pack.KindInternal, err, "the archive could not be read")
	}
	return b, offset, nil
}

// endRecordFits reports whether the file ends in a zip end record.
func (w *walker) endRecordFits() (bool, error) {
	b, _, err := w.tail()
	if err != nil {
		return false, err
	}
	for at := len(b); ; {
		at = bytes.LastIndex(b[:at], []byte(endSignature))
		if at < 0 {
			return false, nil
		}
		if len(b)-at >= endLen && at+endLen+int(le.Uint16(b[at+20:])) == len(b) {
			return true, nil
		}
	}
}

// zipEnd finds and reads the end record, and the zip64 one where there is one.
func (w *walker) zipEnd() (zipEnd, error) {
	var z zipEnd
	b, offset, err := w.tail()
	if err != nil {
		return z, err
	}
	// All readers take the last signature that leaves room for a record.
	at := -1
	if len(b) >= endLen {
		at = bytes.LastIndex(b[:len(b)-endLen+len(endSignature)], []byte(endSignature))
	}
	if at < 0 {
		return z, refuse(RuleTruncated, "", "the zip has no end record: it is cut off or something was appended; upload it again, or pack again")
	}
	end := b[at:]
	switch comment := endLen + int(le.Uint16(end[20:])); {
	case comment > len(end):
		return z, refuse(RuleTruncated, "", "the zip ends inside its comment; upload it again, or pack again")
	case comment < len(end):
		return z, refuse(RuleTrailing, "", "there are %d bytes after the end of the zip; remove them", len(end)-comment)
	case bytes.Contains(end[1:], []byte(endSignature)):
		return z, refuse(RuleEndRecords, "", "the zip's comment holds another end record; pack again without a comment")
	}
	disk, dirDisk := uint32(le.Uint16(end[4:])), uint32(le.Uint16(end[6:]))
	here, total := uint64(le.Uint16(end[8:])), uint64(le.Uint16(end[10:]))
	size, start := uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	endAt := offset + int64(at)
	loc, err := w.locator(endAt)
	if err != nil {
		return z, err
	}
	if loc != nil {
		rec, at64, err := w.end64(loc, endAt)
		if err != nil {
			return z, err
		}
		agree := merge(&disk, saturated16, le.Uint32(rec[16:])) && merge(&dirDisk, saturated16, le.Uint32(rec[20:])) &&
			merge(&here, saturated16, le.Uint64(rec[24:])) && merge(&total, saturated16, le.Uint64(rec[32:])) &&
			merge(&size, saturated32, le.Uint64(rec[40:])) && merge(&start, saturated32, le.Uint64(rec[48:]))
		if !agree {
			return z, refuse(RuleZip64, "", "the zip64 end record disagrees with the plain one; pack again")
		}
		endAt = at64
	} else if here == saturated16 || total == saturated16 || size == saturated32 || start == saturated32 {
		return z, refuse(RuleZip64, "", "the end record points to a zip64 record that is not there; pack again")
	}
	switch {
	case disk != 0 || dirDisk != 0 || here != total:
		return z, refuse(RuleMultiDisk, "", "the zip is one part of several; pack again into one file")
	case total > uint64(w.lim.Entries):
		return z, refuse(RuleLimitEntries, "", "the archive has %d entries, the limit is %d; pack fewer files", total, w.lim.Entries)
	case start > uint64(endAt) || size > uint64(endAt)-start:
		return z, refuse(RuleDirectory, "", "the central directory does not lie inside the file; upload it again, or pack again")
	}
	z = zipEnd{entries: int64(total), dirOffset: int64(start), dirSize: int64(size), dirEnd: endAt}
	if gap := endAt - z.dirOffset - z.dirSize; gap != 0 {
		return z, w.gapBeforeEnd(endAt-gap, endAt)
	}
	return z, nil
}

// gapBeforeEnd says what lies between the central directory and its end record:
// another end record, bytes before the whole zip that shift it, or others.
func (w *walker) gapBeforeEnd(from, to int64) error {
	b := make([]byte, min(to-from, endLen+maxComment))
	if n, err := w.src.src.ReadAt(b, to-int64(len(b))); n < len(b) {
		return pack.Wrap(pack.KindInternal, err, "the archive could not be read")
	}
	if bytes.Contains(b, []byte(endSignature)) {
		return refuse(RuleEndRecords, "", "the zip has more than one end record; pack again into a new archive")
	}
	return refuse(RuleGap, "", "there are %d bytes between the central directory and the end record; pack again", to-from)
}

// merge puts the zip64 value in the place of a saturated plain one, and reports
// whether the two agree.
func merge[T uint32 | uint64](plain *T, saturated, wide T) bool {
	if *plain == saturated {
		*plain = wide
	}
	return *plain == wide
}

// locator reads the zip64 locator before the end record; nil where there is none.
func (w *walker) locator(endAt int64) ([]byte, error) {
	if endAt < locatorLen {
		return nil, nil
	}
	w.src.seek(endAt-locatorLen, endAt)
	b, err := w.src.next(locatorLen)
	if err != nil {
		return nil, streamError(err, "")
	}
	if le.Uint32(b) != sigLocator {
		return nil, nil
	}
	return bytes.Clone(b), nil
}

// end64 reads the zip64 end record, which must lie right before its locator.
func (w *walker) end64(loc []byte, endAt int64) ([]byte, int64, error) {
	at := endAt - locatorLen - end64Len
	switch {
	case le.Uint32(loc[4:]) != 0 || le.Uint32(loc[16:]) != 1:
		return nil, 0, refuse(RuleMultiDisk, "", "the zip is one part of several; pack again into one file")
	case at < 0 || le.Uint64(loc[8:]) != uint64(at):
		return nil, 0, refuse(RuleZip64, "", "the zip64 end record does not lie before its locator; pack again")
	}
	w.src.seek(at, endAt)
	b, err := w.src.next(end64Len)
	if err != nil {
		return nil, 0, streamError(err, "")
	}
	if le.Uint32(b) != sigEnd64 || le.Uint64(b[4:]) != end64Len-12 {
		return nil, 0, refuse(RuleZip64, "", "the zip64 end record is malformed; pack again")
	}
	return b, at, nil
}
