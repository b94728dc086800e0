package snapshot

import (
	"bytes"
	"slices"

	"github.com/klauspost/compress/zstd"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Book is the catalogue as of one instant. It never changes.
type Book struct {
	mark     db.Mark
	files    *files // where the next segments go
	segments []*segment
}

// Mark is the instant.
func (b *Book) Mark() db.Mark { return b.mark }

// scattered reports whether the book has become so many small segments, by packs that were
// deleted, that it should be written anew.
func (b *Book) scattered() bool {
	plain, namespaces := int64(0), 0
	for i, s := range b.segments {
		plain += s.plain
		if i == 0 || s.first.Namespace != b.segments[i-1].first.Namespace {
			namespaces++
		}
	}
	return len(b.segments) > 4*(int(plain/segmentSize)+namespaces)+16
}

// advance makes the book in which the changed packs, sorted, have the lines given, or none.
func (b *Book) advance(changed []db.PackName, lines map[db.PackName][][]byte, mark db.Mark) (*Book, error) {
	next := &Book{mark: mark, files: b.files}
	w := newWriter(b.files)
	err := func() error {
		var buf []byte
		for i, s := range b.segments {
			var mine []db.PackName
			mine, changed = b.split(i, changed)
			if len(mine) == 0 {
				next.segments = append(next.segments, s)
				continue
			}
			plain, err := s.text(buf)
			if err == nil {
				buf, err = plain, merge(w, plain, mine, lines)
			}
			if err == nil {
				err = w.end() // what comes next may be a segment that stays
			}
			if err != nil {
				return err
			}
		}
		return merge(w, nil, changed, lines) // of namespaces behind the last
	}()
	made, werr := w.close()
	if err == nil {
		err = werr
	}
	if err != nil {
		return nil, err
	}
	next.segments = append(next.segments, made...)
	slices.SortFunc(next.segments, func(a, b *segment) int { return byPack(a.first, b.first) })
	return next, nil
}

// split gives those of the changed packs that belong before the end of segment i, in whose
// place they are written, and the rest.
func (b *Book) split(i int, changed []db.PackName) (mine, rest []db.PackName) {
	n := len(changed)
	if i+1 < len(b.segments) {
		end := b.segments[i+1].first
		n, _ = slices.BinarySearchFunc(changed, end, byPack)
		if end.Namespace != b.segments[i].first.Namespace {
			// What comes before the first pack of a namespace belongs to that namespace.
			n, _ = slices.BinarySearchFunc(changed, db.PackName{Namespace: end.Namespace}, byPack)
		}
	}
	return changed[:n], changed[n:]
}

// merge writes the lines of a segment without those of the changed packs, and their new
// ones in their places.
func merge(w *writer, plain []byte, changed []db.PackName, lines map[db.PackName][][]byte) error {
	put := func(name db.PackName) error {
		for _, line := range lines[name] {
			if err := w.add(name, line); err != nil {
				return err
			}
		}
		return nil
	}
	for len(plain) > 0 {
		end := bytes.IndexByte(plain, '\n') + 1
		if end == 0 {
			return errLine
		}
		line := plain[:end]
		plain = plain[end:]
		name, err := packOf(line)
		if err != nil {
			return err
		}
		for len(changed) > 0 && byPack(changed[0], name) < 0 {
			if err := put(changed[0]); err != nil {
				return err
			}
			changed = changed[1:]
		}
		if len(changed) > 0 && changed[0] == name {
			continue // written when the next pack comes
		}
		if err := w.add(name, line); err != nil {
			return err
		}
	}
	for _, name := range changed {
		if err := put(name); err != nil {
			return err
		}
	}
	return nil
}

// text unpacks a segment.
func (s *segment) text(into []byte) ([]byte, error) {
	r, err := newUnpacker()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return s.unpack(r, into)
}

func newUnpacker() (*zstd.Decoder, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "no decompressor")
	}
	return r, nil
}

func (s *segment) unpack(r *zstd.Decoder, into []byte) ([]byte, error) {
	packed, err := s.zstd.read(nil)
	if err != nil {
		return nil, err
	}
	plain, err := r.DecodeAll(packed, into[:0])
	if err != nil || int64(len(plain)) != s.plain {
		return nil, lost(err)
	}
	return plain, nil
}

// compact copies a book into files of its own when the ones it lies in are mostly of others.
func (b *Book) compact(dir string) (*Book, error) {
	var live int64
	for _, s := range b.segments {
		live += s.deflate.length
	}
	if b.files.deflate.size <= 2*live+segmentSize {
		return b, nil
	}
	to, err := newFiles(dir)
	if err != nil {
		return nil, err
	}
	next := &Book{mark: b.mark, files: to, segments: make([]*segment, len(b.segments))}
	var buf []byte
	move := func(p *place, to *file) error {
		if buf, err = p.read(buf); err == nil {
			*p, err = to.put(buf)
		}
		return err
	}
	for i, s := range b.segments {
		own := *s
		if err := move(&own.deflate, to.deflate); err != nil {
			return nil, err
		}
		if err := move(&own.zstd, to.zstd); err != nil {
			return nil, err
		}
		next.segments[i] = &own
	}
	return next, nil
}
