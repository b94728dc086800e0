package db

import (
	"encoding/base64"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// EncodeCursor writes a mark as the opaque string that clients keep.
func EncodeCursor(m Mark) string {
	var text, out [64]byte // the marks that are given fit in
	b := append(append(strconv.AppendInt(text[:0], m.Seq, 10), '.'), m.Mark...)
	return string(base64.RawURLEncoding.AppendEncode(out[:0], b))
}

// DecodeCursor reads what EncodeCursor wrote. Anything else is KindInvalid, code
// cursor_invalid; whether the mark is of this feed only Feed.Changes can tell.
func DecodeCursor(s string) (Mark, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err == nil {
		seq, mark, ok := strings.Cut(string(raw), ".")
		n, err := strconv.ParseInt(seq, 10, 64)
		m := Mark{Seq: n, Mark: mark}
		if ok && err == nil && n >= 0 && EncodeCursor(m) == s {
			return m, nil
		}
	}
	return Mark{}, pack.Errorf(pack.KindInvalid, "cursor_invalid",
		"the cursor is not one this server gave: start again without it")
}
