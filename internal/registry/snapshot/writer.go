package snapshot

import (
	"bytes"
	"hash/crc32"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

const (
	// segmentSize is from how many bytes on a segment ends with its pack: enough to compress
	// well, little enough to be made anew for one change.
	segmentSize = 256 << 10
	// level of DEFLATE: what is beyond it costs much and saves little where half of all are digests.
	level = 5
)

// segment is some packs of one namespace, that lie together in the order of the catalogue.
type segment struct {
	first         db.PackName
	plain         int64
	crc           uint32 // of the plain bytes
	deflate, zstd place
}

// writer cuts lines into segments, and compresses them beside whoever adds lines.
type writer struct {
	plain bytes.Buffer
	first db.PackName
	last  db.PackName

	raw  chan *segmentText
	free chan *segmentText
	done chan error
	out  []*segment
	fail error // of compress, which has ended
}

type segmentText struct {
	first db.PackName
	plain []byte
}

func newWriter(to *files) *writer {
	w := &writer{raw: make(chan *segmentText), free: make(chan *segmentText, 2), done: make(chan error, 1)}
	w.free <- &segmentText{}
	w.free <- &segmentText{}
	go func() { w.done <- w.compress(to) }()
	return w
}

// add takes the next line, of a pack that comes after the last one or is the same.
func (w *writer) add(name db.PackName, line []byte) error {
	if w.plain.Len() > 0 && name != w.last && (name.Namespace != w.last.Namespace || w.plain.Len() >= segmentSize) {
		if err := w.end(); err != nil {
			return err
		}
	}
	if w.plain.Len() == 0 {
		w.first = name
	}
	w.last = name
	w.plain.Write(line)
	return nil
}

// end hands the segment on, if there is one.
func (w *writer) end() error {
	if w.fail != nil || w.plain.Len() == 0 {
		return w.fail
	}
	select {
	case t := <-w.free:
		t.first, t.plain = w.first, append(t.plain[:0], w.plain.Bytes()...)
		w.plain.Reset()
		select {
		case w.raw <- t:
		case w.fail = <-w.done:
		}
	case w.fail = <-w.done:
	}
	return w.fail
}

// close gives the segments.
func (w *writer) close() ([]*segment, error) {
	err := w.end()
	close(w.raw)
	if err == nil {
		err = <-w.done
	}
	return w.out, err
}

// compress makes segments of what add collects, until close or an error.
func (w *writer) compress(to *files) error {
	var packed bytes.Buffer
	deflate, err := flate.NewWriter(&packed, level)
	if err != nil {
		return pack.Wrap(pack.KindInternal, err, "no compressor")
	}
	frames, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(segmentSize))
	if err != nil {
		return pack.Wrap(pack.KindInternal, err, "no compressor")
	}
	defer frames.Close()
	var frame []byte
	for t := range w.raw {
		s := &segment{first: t.first, plain: int64(len(t.plain)), crc: crc32.ChecksumIEEE(t.plain)}
		packed.Reset()
		deflate.Reset(&packed)
		_, err := deflate.Write(t.plain)
		if err == nil {
			err = deflate.Flush() // to a whole byte; the stream goes on with the next segment
		}
		if err == nil {
			s.deflate, err = to.deflate.put(packed.Bytes())
		}
		if err == nil {
			frame = frames.EncodeAll(t.plain, frame[:0])
			s.zstd, err = to.zstd.put(frame)
		}
		if err != nil {
			return err
		}
		w.out = append(w.out, s)
		w.free <- t
	}
	return nil
}
