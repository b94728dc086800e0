package lint

import (
	"bytes"
	"encoding/json"
	"image"
	"image/gif"
	_ "image/jpeg" // what a logo.png may really be
	"image/png"
	"os"
	"path"
	"path/filepath"
	"strings"

	"packregistry/internal/pack/check"
)

func isBlankString(quoted []byte) bool {
	var s string
	return json.Unmarshal(quoted, &s) == nil && strings.TrimSpace(s) == ""
}

// slashes writes a listed path with forward slashes, if that names a file or folder of the pack.
func slashes(b []byte, pointer, dir string) []byte {
	start, end, ok := check.JSONPlace(b, pointer)
	var listed string
	if !ok || json.Unmarshal(b[start:end], &listed) != nil || !strings.Contains(listed, `\`) {
		return nil
	}
	turned := strings.ReplaceAll(strings.TrimSpace(listed), `\`, "/")
	clean := path.Clean(turned)
	if !filepath.IsLocal(filepath.FromSlash(clean)) || clean == "." {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(clean))); err != nil {
		return nil
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	if e.Encode(turned) != nil {
		return nil
	}
	return append(append(bytes.Clone(b[:start]), bytes.TrimSpace(quoted.Bytes())...), b[end:]...)
}

// maxPixels bounds the picture that is unpacked.
const maxPixels = 16 << 20

// toPNG saves a JPEG or GIF as PNG, pixel by pixel. It leaves alone what would look different
// then: moving pictures, and those that say how they are to be turned.
func toPNG(b []byte) []byte {
	head, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || head.Width*head.Height > maxPixels || head.Width <= 0 || head.Height <= 0 {
		return nil
	}
	switch format {
	case "gif":
		if moving, err := gif.DecodeAll(bytes.NewReader(b)); err != nil || len(moving.Image) != 1 {
			return nil
		}
	case "jpeg":
		if bytes.Contains(b, []byte("Exif\x00\x00")) {
			return nil
		}
	default:
		return nil
	}
	picture, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	if png.Encode(&out, picture) != nil {
		return nil
	}
	return out.Bytes()
}
