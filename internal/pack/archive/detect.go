package archive

import (
	"io"

	"packregistry/internal/pack"
)

// Detect tells the form of an archive by its first bytes. It reads at most four.
func Detect(src io.ReaderAt, size int64) (pack.Format, bool) {
	var b [4]byte
	if size < int64(len(b)) {
		return "", false
	}
	if n, _ := src.ReadAt(b[:], 0); n < len(b) {
		return "", false
	}
	switch {
	case b[0] == 'P' && b[1] == 'K' && (b[2] == 3 && b[3] == 4 || b[2] == 5 && b[3] == 6):
		return pack.FormatZip, true
	case b[0] == 0x1f && b[1] == 0x8b:
		return pack.FormatTarGz, true
	}
	return "", false
}
