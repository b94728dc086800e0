package registry_test

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/testenv"
)

// noise gives incompressible bytes.
func noise() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), bigSize) }

// bigZip and bigTarGz write a pack with one large incompressible file, on disk.
func bigZip(w io.Writer) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.NoCompression) // noise does not get smaller
	})
	for name, content := range packtest.Pack("big", "1.0.0") {
		f, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			return err
		}
	}
	f, err := z.Create("files/noise.bin")
	if err == nil {
		_, err = io.Copy(f, noise())
	}
	return errors.Join(err, z.Close())
}

func bigTarGz(w io.Writer) error {
	gz, err := gzip.NewWriterLevel(w, gzip.NoCompression) // noise does not get smaller
	if err != nil {
		return err
	}
	tw := tar.NewWriter(gz)
	for name, content := range packtest.Pack("big", "2.0.0") {
		err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "big/" + name, Mode: 0o644, Size: int64(len(content))})
		if err == nil {
			_, err = io.WriteString(tw, content)
		}
		if err != nil {
			return err
		}
	}
	err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "big/files/noise.bin", Mode: 0o644, Size: bigSize})
	if err == nil {
		_, err = io.Copy(tw, noise())
	}
	return errors.Join(err, tw.Close(), gz.Close())
}

// TestMemoryDoesNotGrowWithTheArchive: far less than an archive is held at any
// time, in and out, both forms.
func TestMemoryDoesNotGrowWithTheArchive(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		for format, write := range map[pack.Format]func(io.Writer) error{pack.FormatZip: bigZip, pack.FormatTarGz: bigTarGz} {
			f, err := os.Create(filepath.Join(t.TempDir(), "big"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := write(f); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			rise := testenv.PeakHeap(func() {
				u := upload(nil)
				u.Body = f
				v := e.publish(u, db.Created)
				for _, form := range []pack.Format{pack.FormatZip, pack.FormatTarGz} {
					c, err := e.Archive(t.Context(), v, form)
					if err != nil {
						t.Fatal(err)
					}
					e.drain(c.Open(t.Context(), 0, -1))
				}
				c, err := e.File(t.Context(), v, "files/noise.bin")
				if err != nil {
					t.Fatal(err)
				}
				e.drain(c.Open(t.Context(), 1, -1))
			})
			t.Logf("%s: the heap rose by %d KiB for %d KiB", format, rise>>10, bigSize>>10)
			if rise > bigSize/2 {
				t.Errorf("%s: the heap rose by %d bytes for an archive of %d", format, rise, bigSize)
			}
		}
	})
}

func (e *env) drain(stream io.ReadCloser, err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		e.t.Fatal(err)
	}
}
