package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// maxResumes is how often one stream goes on after its connection broke.
const maxResumes = 3

// Open implements storage.Store. A stream whose connection breaks goes on where it
// was, a few times.
func (s *Store) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	if err := storage.CheckDigest(d); err != nil {
		return nil, err
	}
	if offset < 0 || length == 0 { // nothing that a range could ask for
		return s.openEmpty(ctx, d, offset, 0)
	}
	st := &stream{s: s, ctx: ctx, d: d, pos: offset}
	opened := s.now()
	size, n, err := st.get(offset, length)
	if status, _ := response(err); status == http.StatusRequestedRangeNotSatisfiable {
		return s.openEmpty(ctx, d, offset, length)
	}
	if err != nil {
		return nil, fail(ctx, d, err)
	}
	s.bucketSeen.Store(true)
	st.left = n
	if n < size || s.trust.Holds(d, st.object, opened) {
		return st, nil
	}
	return storage.VerifyReader(st, d, size, func() {
		if st.resumes == 0 && st.object.etag != "" { // all of it came from one object that can be told from others
			s.trust.Add(d, st.object, opened)
		}
	}), nil
}

// identity tells an object from one that was put in its place. The ETag follows from the
// bytes, or is new with each write.
type identity struct {
	etag     string
	size     int64
	modified int64
}

// openEmpty answers what S3 has no range for: an offset at or beyond the end, or a
// length of 0.
func (s *Store) openEmpty(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	info, err := s.Stat(ctx, d)
	if err != nil {
		return nil, err
	}
	n, err := storage.Span(info.Size, offset, length)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		return nil, storage.Unavailable(fmt.Errorf("the object %s grew while it was opened", d), 0)
	}
	if info.Size == 0 {
		return storage.VerifyReader(http.NoBody, d, 0), nil
	}
	return http.NoBody, nil
}

// stream reads an object, or a part of it.
type stream struct {
	s    *Store
	ctx  context.Context //nolint:containedctx // of the Open that this stream is the answer to
	d    pack.Digest
	body io.ReadCloser
	pos  int64 // in the object
	// object is what the answer to the last get was from.
	object identity
	left   int64

	resumes int
	closed  bool
}

// get asks for length bytes from offset (length < 0: to the end). It gives the size
// of the object and how many bytes come.
func (st *stream) get(offset, length int64) (size, n int64, err error) {
	in := &s3.GetObjectInput{Bucket: &st.s.cfg.Bucket, Key: st.s.key(st.d)}
	ranged := offset > 0 || length > 0
	if ranged {
		r := "bytes=" + strconv.FormatInt(offset, 10) + "-"
		if end := offset + length - 1; length > 0 && end >= offset { // else beyond any object
			r += strconv.FormatInt(end, 10)
		}
		in.Range = &r
	}
	out, err := st.s.client.GetObject(st.ctx, in)
	if err != nil {
		return 0, 0, err
	}
	n = aws.ToInt64(out.ContentLength)
	size, first := n, int64(0)
	if out.ContentLength == nil {
		err = errors.New("the answer has no Content-Length")
	} else if out.ContentRange != nil {
		first, size, err = contentRange(*out.ContentRange)
	}
	if err == nil && first != offset {
		err = fmt.Errorf("asked for bytes from %d, the server gives them from %d", offset, first)
	}
	if err != nil {
		return 0, 0, errors.Join(pack.Wrap(pack.KindInternal, err, "the store gave an answer that cannot be used"), out.Body.Close())
	}
	// A server that does not know ranges gives everything.
	if length > 0 && n > length {
		n = length
	}
	st.body = out.Body
	st.object = identity{aws.ToString(out.ETag), size, aws.ToTime(out.LastModified).Unix()}
	return size, n, nil
}

// contentRange parses "bytes 0-99/1000".
func contentRange(s string) (first, size int64, err error) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	from, _, ok3 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	size, err2 := strconv.ParseInt(total, 10, 64)
	if !ok || !ok2 || !ok3 || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("unreadable Content-Range %q", s)
	}
	return first, size, nil
}

func (st *stream) Read(p []byte) (int, error) {
	switch {
	case st.closed:
		return 0, io.ErrClosedPipe
	case st.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	for {
		n, err := st.body.Read(p[:min(int64(len(p)), st.left)])
		st.pos += int64(n)
		st.left -= int64(n)
		if n > 0 || err == nil {
			return n, nil // an error comes again with the next read
		}
		if err := st.resume(err); err != nil {
			return 0, err
		}
	}
}

// WriteTo implements storage.Settled, for streams that verify nothing.
func (st *stream) WriteTo(w io.Writer) (sent int64, err error) {
	b := st.s.buffers.Get().(*[copyBuffer]byte)
	defer st.s.buffers.Put(b)
	for {
		n, err := st.Read(b[:])
		if n > 0 {
			m, werr := w.Write(b[:n])
			if sent += int64(m); werr != nil {
				return sent, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// Settled marks a storage.Settled.
func (st *stream) Settled() {}

// copyBuffer is what a stream holds while it is sent: as little as 500 slow readers can have.
const copyBuffer = 64 << 10

// resume asks for the rest after the connection broke with cause.
func (st *stream) resume(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	if st.ctx.Err() != nil || st.resumes == maxResumes {
		return fail(st.ctx, st.d, cause)
	}
	st.resumes++
	st.body.Close()
	was := st.object
	if _, n, err := st.get(st.pos, st.left); err != nil {
		return fail(st.ctx, st.d, errors.Join(err, cause))
	} else if n != st.left {
		return storage.Corrupt(st.d, fmt.Errorf("%d bytes are left instead of %d", n, st.left))
	}
	if st.object != was {
		return storage.Corrupt(st.d, errors.New("another object was put in its place while it was read"))
	}
	return nil
}

func (st *stream) Close() error {
	st.closed = true
	st.body.Close() // what it says about a body that was given up is of no use
	return nil
}
