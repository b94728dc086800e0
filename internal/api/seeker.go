package api

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// seeker reads a registry.Content at any place. It opens nothing before the first
// Read, and then only as far as the range asked for goes.
type seeker struct {
	// net/http reads multiple ranges in a goroutine that may outlive ServeContent.
	mu      sync.Mutex
	closed  bool
	ctx     context.Context
	content *registry.Content
	ends    map[int64]int64 // start of a range -> its end, exclusive
	pos     int64
	end     int64 // of the open stream
	stream  io.ReadCloser
	err     error // the first failure; io.EOF is none
}

func newSeeker(ctx context.Context, content *registry.Content, ranges string) *seeker {
	return &seeker{ctx: ctx, content: content, ends: rangeEnds(ranges, content.Size)}
}

// Seek is io.Seeker.
func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.content.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if offset != s.pos {
		s.drop()
	}
	s.pos = offset
	return offset, nil
}

// Read is io.Reader. The last bytes of a stream are given only once its end has
// been seen, for that is where a stream says that its bytes do not hold.
func (s *seeker) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	if s.err != nil {
		return 0, s.err
	}
	if s.pos >= s.content.Size {
		return 0, io.EOF
	}
	if s.stream == nil {
		if s.err = s.open(); s.err != nil {
			return 0, s.err
		}
	}
	n, err := s.stream.Read(p[:min(int64(len(p)), s.end-s.pos)])
	s.pos += int64(n)
	if err == nil && s.pos == s.end {
		err = s.atEnd()
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && s.pos == s.end:
		s.drop()
		return n, nil
	case errors.Is(err, io.EOF):
		err = pack.Wrap(pack.KindCorrupt, io.ErrUnexpectedEOF, "the stored bytes end too early")
	}
	s.err = err
	return 0, err
}

// atEnd reads the verdict behind the last byte.
func (s *seeker) atEnd() error {
	var one [1]byte
	for {
		n, err := s.stream.Read(one[:])
		if n > 0 {
			return pack.Errorf(pack.KindCorrupt, "", "the stored bytes are more than they should be")
		}
		if err != nil {
			return err
		}
	}
}

func (s *seeker) open() error {
	end, known := s.ends[s.pos]
	if !known {
		end = s.content.Size
	}
	length := end - s.pos
	if end == s.content.Size {
		length = -1 // to the end, where a stream verifies
	}
	stream, err := s.content.Open(s.ctx, s.pos, length)
	if err != nil {
		return err
	}
	s.stream, s.end = stream, end
	return nil
}

// drop closes the open stream: what was wanted of it has been read.
func (s *seeker) drop() {
	if s.stream != nil {
		s.stream.Close()
		s.stream = nil
	}
}

// close ends all reading and returns the first failure.
func (s *seeker) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drop()
	return s.err
}

var errClosed = errors.New("read after the answer ended")

// rangeEnds reads the lengths of ranges out of a Range header, as hints: what it
// does not understand is left to net/http, and costs only a longer stream. Of two ranges with
// one start the longer counts.
func rangeEnds(header string, size int64) map[int64]int64 {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return nil
	}
	ends := map[int64]int64{}
	for item := range strings.SplitSeq(spec, ",") {
		first, last, _ := strings.Cut(strings.TrimSpace(item), "-")
		start, err := strconv.ParseInt(first, 10, 64)
		if err != nil || start < 0 {
			continue
		}
		end := size
		if n, err := strconv.ParseInt(last, 10, 64); err == nil && n >= start && n < size-1 {
			end = n + 1
		}
		ends[start] = max(ends[start], end)
	}
	return ends
}
