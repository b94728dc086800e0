package pack

import (
	"encoding/hex"
	"strings"
)

// Digest names bytes: "sha256:" and 64 lower-case hex digits.
type Digest string

const digestPrefix = "sha256:"

// NewDigest makes a Digest from the 32 bytes of a SHA-256 sum.
func NewDigest(sum []byte) Digest { return Digest(digestPrefix + hex.EncodeToString(sum)) }

// ParseDigest checks the form of s. Its error is of KindInvalid.
func ParseDigest(s string) (Digest, error) {
	rest, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(rest) != 64 || strings.Trim(rest, "0123456789abcdef") != "" {
		return "", Errorf(KindInvalid, "digest_invalid", "a digest is sha256: and 64 lower-case hex digits")
	}
	return Digest(s), nil
}

// Hex returns the digits without the algorithm.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }
