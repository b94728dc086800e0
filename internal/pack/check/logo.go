package check

import (
	"image"
	_ "image/gif"  // the three kinds a browser shows everywhere
	_ "image/jpeg" // and that a decoder of the standard library can read
	_ "image/png"
	"io"
)

const (
	logoPNG      = "logo.png"
	maxLogoSide  = 8192
	maxLogoBytes = 1 << 20 // that are searched for the header
)

// logo is what the header of a logo.png says.
type logo struct {
	format        string // "" when it is no image
	width, height int
}

// readLogo reads the header only: a small file may claim a huge picture.
func readLogo(r io.Reader) logo {
	cfg, format, err := image.DecodeConfig(io.LimitReader(r, maxLogoBytes))
	if err != nil {
		return logo{}
	}
	return logo{format: format, width: cfg.Width, height: cfg.Height}
}

func checkLogo(l logo, f *findings) {
	switch {
	case l.format == "":
		f.add(ruleLogoFormat, logoPNG, "", "logo.png is no PNG image; save it as PNG")
	case l.width > maxLogoSide || l.height > maxLogoSide || l.width <= 0 || l.height <= 0:
		f.add(ruleLogoSize, logoPNG, "", "logo.png is %d x %d pixels; at most %d a side are allowed", l.width, l.height, maxLogoSide)
	case l.format != "png":
		f.add(ruleLogoType, logoPNG, "", "logo.png is really a %s; save it as PNG", l.format)
	}
}
