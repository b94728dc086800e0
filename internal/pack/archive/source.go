package archive

import (
	"context"
	"errors"
	"io"

	"packregistry/internal/pack"
)

// sourceBuffer holds any variable part of a zip header (at most 65,535 bytes) whole.
const sourceBuffer = 64 << 10

// source reads src forwards through one buffer, up to a moving end. It is an
// io.ByteReader, so that an inflater takes not one byte more than its stream has.
// Its errors are io.EOF at the end and *pack.Error for all else.
type source struct {
	ctx  context.Context
	src  io.ReaderAt
	size int64 // of src
	end  int64 // no byte at or behind it is given out

	buf   []byte
	start int64 // offset in src of buf[0]
	r     int   // next byte of buf to give out
	w     int   // end of the bytes in buf that lie before end
	full  int   // end of the bytes in buf
}

func newSource(ctx context.Context, src io.ReaderAt, size int64) *source {
	return &source{ctx: ctx, src: src, size: size, end: size, buf: make([]byte, sourceBuffer)}
}

// pos is the offset of the next byte.
func (s *source) pos() int64 { return s.start + int64(s.r) }

// setEnd moves the end.
func (s *source) setEnd(end int64) {
	s.end = min(end, s.size)
	s.w = int(max(int64(s.r), min(int64(s.full), s.end-s.start)))
}

// seek moves to an offset and sets the end.
func (s *source) seek(pos, end int64) {
	if pos < s.start || pos > s.start+int64(s.full) {
		s.start, s.full, s.r = pos, 0, 0
	} else {
		s.r = int(pos - s.start)
	}
	s.setEnd(end)
}

// fill reads more behind buf[r:w], which it keeps.
func (s *source) fill() error {
	if s.start+int64(s.w) >= s.end {
		return io.EOF
	}
	if err := cancelled(s.ctx); err != nil {
		return err
	}
	if s.r > 0 {
		copy(s.buf, s.buf[s.r:s.full])
		s.start += int64(s.r)
		s.full -= s.r
		s.r = 0
	}
	at := s.start + int64(s.full)
	want := s.buf[s.full:]
	want = want[:min(int64(len(want)), s.size-at)]
	n, err := s.src.ReadAt(want, at)
	s.full += n
	s.setEnd(s.end)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return pack.Wrap(pack.KindInternal, err, "the archive could not be read")
	}
	return nil
}

// ReadByte gives the next byte.
func (s *source) ReadByte() (byte, error) {
	if s.r == s.w {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	b := s.buf[s.r]
	s.r++
	return b, nil
}

// Read gives what the buffer has.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.r == s.w {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[s.r:s.w])
	s.r += n
	return n, nil
}

// next gives the next n bytes, valid until the next call; n is at most
// sourceBuffer. Fewer bytes before the end are io.EOF.
func (s *source) next(n int) ([]byte, error) {
	for s.w-s.r < n {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	b := s.buf[s.r : s.r+n]
	s.r += n
	return b, nil
}

// cancelled is the error of a context that is over.
func cancelled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return pack.Wrap(pack.KindUnavailable, err, "the request was cancelled while the archive was read")
	}
	return nil
}
