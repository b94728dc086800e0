package check

import (
	"crypto/sha256"
	"encoding/base64"
	"io"

	"packregistry/internal/pack"
)

// contentDigest is Hash1 of golang.org/x/mod/sumdb/dirhash over files sorted by
// path, made from their sums: the base64 SHA-256 of the lines "<hex>  <path>\n".
func contentDigest(files []pack.File) string {
	h := sha256.New()
	for _, f := range files {
		// A hash never fails to take bytes.
		_, _ = io.WriteString(h, f.SHA256+"  "+f.Path+"\n")
	}
	return "h1:" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
