package archive

import (
	"bufio"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"

	"packregistry/internal/pack"
)

// FileReader unpacks one file from raw, the f.Compressed bytes at f.Offset of the
// zip, and checks size and CRC-32 with its last byte. Errors are of KindCorrupt,
// those of raw excepted, which pass as they are. Closing it closes raw when that
// is an io.Closer.
func FileReader(f pack.File, raw io.Reader) io.ReadCloser {
	r := &fileReader{file: f, raw: raw}
	data := &rawData{r: io.LimitReader(raw, f.Compressed)}
	switch f.Method {
	case methodStored:
		r.data = data
	case methodDeflate:
		r.data = flate.NewReader(bufio.NewReader(data))
	default:
		r.err = corrupt(nil)
	}
	r.source = data
	return r
}

type fileReader struct {
	file   pack.File
	raw    io.Reader
	source *rawData
	data   io.Reader
	n      int64
	crc    uint32
	err    error
}

// rawData remembers the error of the bytes themselves, to tell it from damage.
type rawData struct {
	r   io.Reader
	err error
}

func (d *rawData) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if int64(len(p)) > r.file.Size-r.n {
		p = p[:r.file.Size-r.n]
	}
	var n int
	var err error
	if len(p) > 0 {
		n, err = r.data.Read(p)
		r.n += int64(n)
		r.crc = crc32.Update(r.crc, crc32.IEEETable, p[:n])
	}
	// The end is looked at together with the last byte: a reader who knows the
	// size may never ask again.
	if r.n == r.file.Size && (err == nil || errors.Is(err, io.EOF)) {
		r.err = r.finish()
		return n, r.err
	}
	if err != nil {
		r.err = r.broken(err)
	}
	return n, r.err
}

// finish is io.EOF when all is well.
func (r *fileReader) finish() error {
	var one [1]byte
	switch n, err := io.ReadFull(r.data, one[:]); {
	case n > 0:
		return corrupt(nil)
	case !errors.Is(err, io.EOF):
		return r.broken(err)
	case r.crc != r.file.CRC32:
		return corrupt(nil)
	}
	return io.EOF
}

func (r *fileReader) broken(err error) error {
	if r.source.err != nil {
		return r.source.err
	}
	return corrupt(err)
}

func corrupt(err error) error {
	return pack.Wrap(pack.KindCorrupt, err, "the stored bytes of the file are damaged")
}

// Close ends the reading.
func (r *fileReader) Close() error {
	if r.err == nil {
		r.err = errors.New("archive: read after close")
	}
	if c, ok := r.raw.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
