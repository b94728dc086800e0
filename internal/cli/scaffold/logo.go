package scaffold

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	_ "image/gif"  // icons come as these too
	_ "image/jpeg" // and become PNGs
	"image/png"
)

const (
	logoSide  = 128 // pixels
	cells     = 5   // of the pattern, a side
	maxPixels = 16 << 20
)

// Logo draws a PNG that is always the same for a name, and another one for other names: a symmetric
// pattern in a colour of its own. It is to be replaced by a real one.
func Logo(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	ink := color.NRGBA{R: 40 + sum[0]/2, G: 40 + sum[1]/2, B: 40 + sum[2]/2, A: 255}
	img := image.NewPaletted(image.Rect(0, 0, logoSide, logoSide), color.Palette{color.NRGBA{}, ink})
	const cell, margin = 22, (logoSide - 22*cells) / 2
	for row := range cells {
		for column := range cells {
			mirrored := min(column, cells-1-column)
			if sum[3+row*3+mirrored]%2 == 0 && !(row == cells/2 && mirrored == cells/2) { // never empty
				continue
			}
			for y := range cell {
				for x := range cell {
					img.SetColorIndex(margin+column*cell+x, margin+row*cell+y, 1)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // memory takes it, and the picture is sound
	}
	return b.Bytes()
}

// AsPNG makes a PNG of a picture that is a PNG, JPEG or GIF; nil for anything else, an SVG too.
func AsPNG(picture []byte) []byte {
	head, format, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil || head.Width <= 0 || head.Height <= 0 || head.Width > maxPixels || head.Width*head.Height > maxPixels {
		return nil
	}
	img, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil
	}
	if format == "png" {
		return picture
	}
	var b bytes.Buffer
	if png.Encode(&b, img) != nil {
		return nil
	}
	return b.Bytes()
}
