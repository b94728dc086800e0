package archive

import (
	"context"
	"errors"
	"io"

	"packregistry/internal/pack"
)

// Entry is one member of an archive, a file or a directory.
type Entry struct {
	// Path is slash separated and normalised: no leading "./", no trailing slash.
	Path       string
	Dir        bool
	Executable bool  // an execute bit is set; never for a Dir
	Size       int64 // bytes, unpacked; 0 for a Dir

	// The place in a zip; zero in a tar.gz.
	Offset     int64 // of the first byte of the compressed data
	Compressed int64 // bytes
	Method     uint16
	CRC32      uint32

	modified int64 // of a tar entry, seconds since 1970
}

// Walk reads the whole archive and calls visit for every entry once, in the order
// of their bytes, directories too (the root directory itself is left out). Size and the
// place fields are what the archive declares; they hold once the body has been
// read to its end, which Walk does for what visit leaves of it. body fails with
// the refusal itself. An error of visit ends the walk and is returned as it is.
//
// A refused archive is a *pack.Error of KindBadPack whose findings carry the
// ids of Rules; bytes that are neither zip nor tar.gz are KindUnsupported. What
// visit has been given before a refusal must be thrown away.
func Walk(ctx context.Context, src io.ReaderAt, size int64, lim Limits, visit func(e *Entry, body io.Reader) error) (pack.Format, error) {
	size = max(size, 0)
	w := &walker{
		ctx: ctx, src: newSource(ctx, src, size), lim: lim, visit: visit,
		paths: newTree(lim.Entries), scratch: make([]byte, 32<<10),
	}
	format, ok := Detect(src, size)
	switch {
	case ok && format == pack.FormatZip:
		return format, w.zip()
	case ok:
		return format, w.tarGz()
	}
	if err := cancelled(ctx); err != nil {
		return "", err
	}
	// A self-extracting program is a zip with bytes before it, and should be told so.
	if found, err := w.endRecordFits(); err != nil {
		return "", err
	} else if found {
		return pack.FormatZip, refuse(RulePrefix, "", "there are bytes before the zip's first entry; upload the plain zip")
	}
	if size == 0 {
		return "", pack.Errorf(pack.KindUnsupported, "", "this is empty, 0 bytes; send the pack's folder as a zip or tar.gz")
	}
	return "", unsupported()
}

func unsupported() error {
	return pack.Errorf(pack.KindUnsupported, "", "this is neither a zip nor a tar.gz; pack the folder as one of them")
}

// walker is one reading of one archive.
type walker struct {
	ctx      context.Context
	src      *source
	lim      Limits
	visit    func(*Entry, io.Reader) error
	paths    *tree
	unpacked int64 // bytes so far
	scratch  []byte
}

// body is the unpacked content of one entry. It counts against the limit and
// calls done once at the end, for what is to be checked then.
type body struct {
	w     *walker
	file  string
	raw   io.Reader // io.EOF at the end of the content, wherever that is
	left  int64     // of the declared size
	short string    // the rule that is broken when raw ends before that
	sum   func([]byte)
	done  func() error
	err   error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.err = cancelled(b.w.ctx); b.err != nil {
		return 0, b.err
	}
	n, err := b.raw.Read(p)
	if int64(n) > b.left {
		b.err = refuse(RuleSize, b.file, "the file %q unpacks to more bytes than the archive says; pack again", show(b.file))
		return 0, b.err
	}
	b.left -= int64(n)
	if b.err = b.w.count(int64(n)); b.err != nil {
		return 0, b.err
	}
	if b.sum != nil {
		b.sum(p[:n])
	}
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		b.err = streamError(err, b.file)
	case b.left > 0:
		b.err = refuse(b.short, b.file, "the file %q unpacks to fewer bytes than the archive says; pack again", show(b.file))
	default:
		if b.err = b.done(); b.err == nil {
			b.err = io.EOF
		}
	}
	return n, b.err
}

// count adds unpacked bytes.
func (w *walker) count(n int64) error {
	w.unpacked += n
	if w.unpacked > w.lim.Unpacked {
		return refuse(RuleLimitUnpacked, "", "the archive unpacks to more than %d bytes; pack less", w.lim.Unpacked)
	}
	return nil
}

// enter gives the entry to visit and reads what it leaves.
func (w *walker) enter(e *Entry, b *body) error {
	err := w.visit(e, b)
	switch {
	case b.err != nil && !errors.Is(b.err, io.EOF):
		return b.err // whatever visit made of it
	case err != nil:
		return err
	}
	return drain(b, w.scratch)
}

// drain reads b to its end, where all checks of the entry have passed.
func drain(b *body, scratch []byte) error {
	for b.err == nil {
		_, _ = b.Read(scratch) // the error is kept in b
	}
	if errors.Is(b.err, io.EOF) {
		return nil
	}
	return b.err
}

// streamError tells damaged from ended data; errors of the source pass through.
func streamError(err error, file string) error {
	var own *pack.Error
	switch {
	case errors.As(err, &own):
		return err
	case file == "" && ended(err):
		return refuse(RuleTruncated, "", "the archive ends early; upload it again, or pack again")
	case ended(err):
		return refuse(RuleTruncated, file, "the data of %q ends early; upload the archive again, or pack again", show(file))
	case file == "":
		return refuse(RuleDeflate, "", "the compressed data is damaged; upload it again, or pack again")
	default:
		return refuse(RuleDeflate, file, "the compressed data of %q is damaged; upload the archive again, or pack again", show(file))
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
