package sqlcat

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"packregistry/internal/pack"
)

// storable reports whether both databases can keep the text: UTF-8 without NUL.
func storable(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}

// checkStorable refuses text that only one of the databases could keep.
func checkStorable(texts ...string) error {
	if !storable(texts...) {
		return pack.Errorf(pack.KindInvalid, "text_invalid", "text must be UTF-8 and hold no NUL character")
	}
	return nil
}

// checkSeparable refuses text of a change that one of the databases could not tell from the next one.
func checkSeparable(texts ...string) error {
	for _, s := range texts {
		if strings.IndexByte(s, UnitSeparator) >= 0 {
			return pack.Errorf(pack.KindInvalid, "text_invalid", "names, versions, tags and digests must not hold the control character U+001F")
		}
	}
	return nil
}

// UnitSeparator is what Dialect.Separator can be where there is no NUL.
const UnitSeparator = 0x1f

// clean makes text storable; for text that is only searched.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", " ")
}

// cut shortens s to at most n bytes at the border of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// placeholders gives "$first, ..., $(first+n-1)".
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

func packNotFound(namespace, name string) error {
	return pack.Errorf(pack.KindNotFound, "pack_not_found", "there is no pack %q in the namespace %q", name, namespace)
}

func versionNotFound(name, ref string) error {
	return pack.Errorf(pack.KindNotFound, "version_not_found", "the pack %q has no version or tag %q", name, ref)
}
