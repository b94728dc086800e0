package archive

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"packregistry/internal/pack"
)

func TestFileReader(t *testing.T) {
	b := oddZip()
	want, _, err := walkAll(b, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filesOf(t, b) {
		raw := func() io.Reader { return bytes.NewReader(b[f.Offset : f.Offset+f.Compressed]) }
		if got := hashOf(t, FileReader(f, raw())); got != want[mark(false, f.Executable, f.Path)] {
			t.Errorf("%s: another content", f.Path)
		}
		if got := hashOf(t, iotest.OneByteReader(FileReader(f, iotest.DataErrReader(raw())))); got != want[mark(false, f.Executable, f.Path)] {
			t.Errorf("%s: another content, byte by byte", f.Path)
		}
		bad := map[string]pack.File{"crc": f, "smaller": f, "larger": f, "method": f, "shorter data": f}
		for what, g := range bad {
			switch what {
			case "crc":
				g.CRC32++
			case "smaller":
				g.Size--
			case "larger":
				g.Size++
			case "method":
				g.Method = 12
			case "shorter data":
				g.Compressed--
			}
			if g.Size < 0 || g.Compressed < 0 {
				continue
			}
			if what == "smaller" && f.Size == 1 {
				continue
			}
			if _, err := io.ReadAll(FileReader(g, raw())); !pack.IsKind(err, pack.KindCorrupt) {
				t.Errorf("%s, %s: err = %v, want KindCorrupt", f.Path, what, err)
			}
		}
		// Who knows the size and stops there must hear of damage all the same.
		if f.Size > 0 {
			g := f
			g.CRC32++
			r := FileReader(g, raw())
			n, err := 0, error(nil)
			for buf := make([]byte, 1<<20); err == nil && int64(n) < g.Size; {
				var more int
				more, err = r.Read(buf)
				n += more
			}
			if !pack.IsKind(err, pack.KindCorrupt) {
				t.Errorf("%s: the last byte comes with %v, want KindCorrupt", f.Path, err)
			}
			boom := errors.New("boom")
			r = FileReader(f, io.MultiReader(io.LimitReader(raw(), f.Compressed/2), iotest.ErrReader(boom)))
			if _, err := io.ReadAll(r); !errors.Is(err, boom) {
				t.Errorf("%s: err = %v, want that of the bytes", f.Path, err)
			}
		}
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestFileReaderCloses(t *testing.T) {
	c := &closer{Reader: bytes.NewReader([]byte("hello"))}
	r := FileReader(pack.File{Size: 5, Compressed: 5, CRC32: 0x3610a686}, c)
	if err := r.Close(); err != nil || !c.closed {
		t.Errorf("closed = %v, %v", c.closed, err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("a closed reader reads")
	}
}
