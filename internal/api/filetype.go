package api

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// rasterTypes are the pictures a browser may show: none of them can hold a script.
func rasterType(ext string) string {
	switch ext {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	}
	return ""
}

const (
	plainText   = "text/plain; charset=utf-8"
	octetStream = "application/octet-stream"
)

// textExtensions are files that people want to read in a browser. HTML and SVG
// are not among them: they could act.
func isText(name string) bool {
	switch strings.ToLower(name) {
	case "license", "notice", "readme", "makefile", "dockerfile", ".helmignore", ".gitignore":
		return true
	}
	return slices.Contains([]string{
		".yaml", ".yml", ".json", ".md", ".txt", ".tpl", ".tmpl", ".sh", ".conf", ".cfg", ".ini", ".toml",
		".properties", ".env", ".csv", ".py", ".go", ".j2", ".lock", ".sum", ".mod", ".crt", ".pem",
	}, strings.ToLower(path.Ext(name)))
}

// fileType decides the Content-Type of a file inside a pack by its name alone. wanted
// may name another raster type; nothing else is believed.
func fileType(name, wanted string) (mediaType string, inline bool) {
	own := rasterType(strings.ToLower(path.Ext(name)))
	if own != "" && isRaster(wanted) {
		return wanted, true
	}
	switch {
	case own != "":
		return own, true
	case isText(name):
		return plainText, true
	}
	return octetStream, false
}

func isRaster(mediaType string) bool {
	kind, ok := strings.CutPrefix(mediaType, "image/")
	return ok && rasterType("."+kind) == mediaType
}

// isLogo reports whether a file is what anonymous "logos" may show.
func isLogo(name string) bool {
	ext := path.Ext(name)
	return rasterType(strings.ToLower(ext)) != "" && strings.EqualFold(strings.TrimSuffix(name, ext), "logo")
}

// disposition is a Content-Disposition of RFC 6266: a plain name for old clients,
// and the exact one in UTF-8 when they differ.
func disposition(name string, inline bool) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\/%;`, r) {
			return '_'
		}
		return r
	}, name)
	out := kind + `; filename="` + plain + `"`
	if plain != name {
		out += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return out
}
