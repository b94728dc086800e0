package storage

import (
	"strings"

	"packregistry/internal/pack"
)

// Prefix is where all blobs lie below a store's root.
const Prefix = "blobs/sha256/"

// Key is the place of a blob below a store's root, the same in every backend, so
// that a directory can be copied into a bucket: blobs/sha256/ab/abcd... The digest
// must be well formed (CheckDigest).
func Key(d pack.Digest) string {
	h := d.Hex()
	return Prefix + h[:2] + "/" + h
}

// ParseKey is the inverse of Key. It is false for a key that names no blob, such
// as a stray file that somebody put into the store.
func ParseKey(key string) (pack.Digest, bool) {
	rest, ok := strings.CutPrefix(key, Prefix)
	if !ok || len(rest) != 67 || rest[2] != '/' || rest[:2] != rest[3:5] {
		return "", false
	}
	d, err := pack.ParseDigest("sha256:" + rest[3:])
	return d, err == nil
}

// CheckDigest is what every backend asks first: a digest that came unchecked from
// outside must not become a path.
func CheckDigest(d pack.Digest) error {
	_, err := pack.ParseDigest(string(d))
	return err
}
