package db

import (
	"encoding/base64"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// EncodeCursor writes a mark as the opaque string that clients keep.
func EncodeCursor(m Mark) string { return string(AppendCursor(nil, m.Seq, m.Mark)) }

// AppendCursor appends what EncodeCursor writes.
func AppendCursor[T ~string | ~[]byte](b []byte, seq int64, mark T) []byte {
	var text [64]byte // the marks that are given fit in
	plain := append(append(strconv.AppendInt(text[:0], seq, 10), '.'), mark...)
	return base64.RawURLEncoding.AppendEncode(b, plain)
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
