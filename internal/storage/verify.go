package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"packregistry/internal/pack"
)

// copyBuffer bounds what one Put or Verify holds in memory.
const copyBuffer = 128 << 10

// CopyVerified reads src once, in order, writes it to dst and checks that it
// hashes to d and has the size it claims: KindCorrupt when not. By then dst has
// seen the bytes, so it must be a place that nobody reads yet. It stops when ctx
// ends. Errors of dst are taken to be the operating system's.
func CopyVerified(ctx context.Context, dst io.Writer, d pack.Digest, src Source) error {
	size := src.Size()
	if size < 0 {
		return pack.Errorf(pack.KindInvalid, "", "a blob cannot have %d bytes", size)
	}
	buf := make([]byte, max(1, min(size, copyBuffer)))
	sum := sha256.New()
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return Cancelled(err)
		}
		n, err := src.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		sum.Write(buf[:n])
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return DiskError(werr)
		}
		off += int64(n)
		switch {
		case errors.Is(err, io.EOF) && off < size:
			return Corrupt(d, fmt.Errorf("the source ends after %d of %d bytes", off, size))
		case err != nil && !errors.Is(err, io.EOF):
			return DiskError(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return Cancelled(err)
	}
	if got := pack.NewDigest(sum.Sum(nil)); got != d {
		return Corrupt(d, fmt.Errorf("the source hashes to %s", got))
	}
	return nil
}

// VerifyReader wraps the stream over a whole blob of size bytes. It hands out the
// last bytes only once all of them hash to d, and else gives KindCorrupt in their
// place: whoever passes the stream on to a client that knows the length cannot
// complete a bad answer by accident. When they do hold, it calls held. A stream that VerifyReader made is
// verified already and comes back as it is.
func VerifyReader(rc io.ReadCloser, d pack.Digest, size int64, held ...func()) io.ReadCloser {
	if v, ok := rc.(*verifier); ok && v.d == d {
		return v
	}
	return &verifier{rc: rc, d: d, left: size, sum: sha256.New(), held: held}
}

type verifier struct {
	rc   io.ReadCloser
	d    pack.Digest
	left int64
	sum  hash.Hash
	held []func()
	err  error // sticky
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if v.left > 0 {
		n, v.err = v.rc.Read(p)
		v.left -= int64(n)
		v.sum.Write(p[:n])
		if errors.Is(v.err, io.EOF) && v.left > 0 {
			v.err = Corrupt(v.d, fmt.Errorf("%d bytes are missing at its end", v.left))
		}
	}
	switch {
	case v.left > 0:
		return n, v.err
	case v.left < 0:
		v.err = Corrupt(v.d, errors.New("it is longer than it should be"))
		return 0, v.err
	}
	if got := pack.NewDigest(v.sum.Sum(nil)); got != v.d {
		v.err = Corrupt(v.d, fmt.Errorf("it hashes to %s", got))
		return 0, v.err
	}
	for _, tell := range v.held {
		tell()
	}
	v.err = io.EOF
	return n, v.err
}

func (v *verifier) Close() error { return v.rc.Close() }

// Span tells how many bytes an Open of length from offset gives of a blob of size
// bytes. A length beyond the end is cut there; an offset beyond it is KindInvalid.
func Span(size, offset, length int64) (int64, error) {
	if offset < 0 || offset > size {
		return 0, pack.Errorf(pack.KindInvalid, "range_invalid",
			"the offset %d lies outside the blob of %d bytes", offset, size)
	}
	if rest := size - offset; length < 0 || length > rest {
		return rest, nil
	}
	return length, nil
}
